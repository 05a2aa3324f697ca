package charthand;

import ca.uhn.fhir.jpa.topic.SubscriptionTopicRegistry;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.r5.model.Enumerations.PublicationStatus;
import org.hl7.fhir.r5.model.SubscriptionTopic;
import org.hl7.fhir.r5.model.SubscriptionTopic.InteractionTrigger;
import org.hl7.fhir.r5.model.SubscriptionTopic.SubscriptionTopicResourceTriggerComponent;

/** The topics that are always there, beside those that a client creates. */
final class Topics extends SubscriptionTopicRegistry {
  private static final Map<String, String> ALWAYS = Map.of("documents", "DocumentReference", "reports", "DiagnosticReport");

  Topics() {
    ALWAYS.forEach((name, type) -> register(topic(name, type)));
  }

  @Override
  public void unregisterAllIdsNotInCollection(Set<String> ids) {
    Set<String> kept = new HashSet<>(ids);
    kept.addAll(ALWAYS.keySet());
    super.unregisterAllIdsNotInCollection(kept);
  }

  private static SubscriptionTopic topic(String name, String type) {
    SubscriptionTopic topic = new SubscriptionTopic();
    topic.setId(name);
    topic.setUrl("http://example.org/topics/" + name);
    topic.setStatus(PublicationStatus.ACTIVE);
    SubscriptionTopicResourceTriggerComponent trigger = topic.addResourceTrigger().setResource(type);
    trigger.addSupportedInteraction(InteractionTrigger.CREATE);
    trigger.addSupportedInteraction(InteractionTrigger.UPDATE);
    return topic;
  }
}
