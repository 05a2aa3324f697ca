package charthand;

import ca.uhn.fhir.interceptor.api.Hook;
import ca.uhn.fhir.interceptor.api.Interceptor;
import ca.uhn.fhir.interceptor.api.Pointcut;
import ca.uhn.fhir.rest.api.RequestTypeEnum;
import ca.uhn.fhir.rest.api.RestOperationTypeEnum;
import ca.uhn.fhir.rest.api.server.RequestDetails;
import ca.uhn.fhir.rest.server.exceptions.InvalidRequestException;
import ca.uhn.fhir.rest.server.exceptions.MethodNotAllowedException;
import org.hl7.fhir.instance.model.api.IBaseBundle;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.Bundle.BundleEntryComponent;
import org.hl7.fhir.r4.model.Bundle.BundleType;
import org.hl7.fhir.r4.model.Bundle.HTTPVerb;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.hl7.fhir.r4.model.CapabilityStatement.CapabilityStatementRestComponent;
import org.hl7.fhir.r4.model.CapabilityStatement.SystemRestfulInteraction;

/** Refuses what the options switch off, and leaves it out of the CapabilityStatement. */
@Interceptor
public final class Limits {
  private final Options options;

  Limits(Options options) {
    this.options = options;
  }

  @Hook(Pointcut.SERVER_INCOMING_REQUEST_PRE_HANDLED)
  public void request(RequestDetails request, RestOperationTypeEnum operation) {
    if (!options.transactions() && operation == RestOperationTypeEnum.TRANSACTION) {
      throw new MethodNotAllowedException("this server takes no transaction and no batch");
    }
    if (!options.conditionalUpdate() && request.getRequestType() == RequestTypeEnum.PUT && request.getId() == null) {
      throw new MethodNotAllowedException("this server takes no conditional update");
    }
  }

  @Hook(Pointcut.STORAGE_TRANSACTION_PROCESSING)
  public void transaction(IBaseBundle bundle) {
    // The entries of a batch come here one by one, each as a transaction.
    if (options.conditionalUpdate() || ((Bundle) bundle).getType() == BundleType.BATCH) {
      return;
    }
    for (BundleEntryComponent entry : ((Bundle) bundle).getEntry()) {
      if (entry.getRequest().getMethod() == HTTPVerb.PUT && entry.getRequest().getUrl().contains("?")) {
        throw new InvalidRequestException("this server takes no conditional update: " + entry.getRequest().getUrl());
      }
    }
  }

  @Hook(Pointcut.STORAGE_PRESTORAGE_RESOURCE_CREATED)
  public void create(IBaseResource resource) {
    if (!options.subscriptions() && resource.fhirType().equals("Subscription")) {
      throw new InvalidRequestException("this server takes no Subscription");
    }
  }

  void declare(CapabilityStatement statement) {
    for (CapabilityStatementRestComponent rest : statement.getRest()) {
      if (!options.transactions()) {
        rest.getInteraction().removeIf(
            one -> one.getCode() == SystemRestfulInteraction.TRANSACTION || one.getCode() == SystemRestfulInteraction.BATCH);
      }
      rest.getResource().forEach(resource -> {
        if (!options.conditionalUpdate()) {
          resource.setConditionalUpdate(false);
        }
        if (!options.clientIds()) {
          resource.setUpdateCreate(false);
        }
      });
    }
  }
}
