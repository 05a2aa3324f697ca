package charthand;

import ca.uhn.fhir.batch2.jobs.export.BulkDataExportProvider;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.dao.IFhirSystemDao;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.provider.JpaCapabilityStatementProvider;
import ca.uhn.fhir.jpa.provider.ValueSetOperationProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.subscription.match.registry.SubscriptionLoader;
import ca.uhn.fhir.rest.api.EncodingEnum;
import ca.uhn.fhir.rest.server.IResourceProvider;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import ca.uhn.fhir.rest.server.util.ISearchParamRegistry;
import ca.uhn.fhir.util.FhirTerser;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.URI;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.instance.model.api.IBaseConformance;
import org.hl7.fhir.r4.model.CapabilityStatement;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;

/**
 * HAPI FHIR's JPA server for R4, on H2 in a folder and Jetty on 127.0.0.1. Arguments: DATA_DIR PORT [OPTION…], as README.md tells.
 * It prints one line "ready URL" once it answers, and ends on SIGTERM.
 */
public final class Server {
  private static final long STOP_MILLIS = 4000;

  private Server() {}

  public static void main(String[] args) {
    Options options = null;
    try {
      options = Options.parse(args);
    } catch (IllegalArgumentException error) {
      System.err.println(error.getMessage());
      System.exit(2);
    }
    try {
      run(options);
    } catch (Exception error) {
      error.printStackTrace();
      System.exit(1);
    }
  }

  private static void run(Options asked) throws Exception {
    org.eclipse.jetty.server.Server jetty = new org.eclipse.jetty.server.Server();
    ServerConnector connector = new ServerConnector(jetty, 1, 1);
    connector.setHost("127.0.0.1");
    connector.setPort(asked.port());
    connector.open();
    jetty.addConnector(connector);
    Options options = asked.at(connector.getLocalPort());

    AnnotationConfigApplicationContext spring = new AnnotationConfigApplicationContext();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(jetty, spring)));
    if (options.untilEof()) {
      Thread watcher = new Thread(Server::exitAtEof);
      watcher.setDaemon(true);
      watcher.start();
    }
    spring.registerBean(Options.class, () -> options);
    spring.register(Config.class);
    spring.refresh();
    if (options.subscriptions()) {
      spring.getBean(SubscriptionLoader.class).forceRefresh();
    }

    ServletHolder holder = new ServletHolder(fhir(spring, options));
    holder.setInitOrder(1);
    ServletContextHandler handler = new ServletContextHandler("/");
    handler.addServlet(holder, "/fhir/*");
    jetty.setHandler(handler);
    jetty.start();
    HttpURLConnection check = (HttpURLConnection) URI.create(options.base() + "/metadata").toURL().openConnection();
    int status = check.getResponseCode();
    check.disconnect();
    if (status != 200) {
      throw new IOException("it answers " + status + " to a read of its CapabilityStatement");
    }
    System.out.println("ready " + options.base());
    System.out.flush();
    jetty.join();
  }

  private static RestfulServer fhir(AnnotationConfigApplicationContext spring, Options options) {
    Limits limits = new Limits(options);
    RestfulServer server = new RestfulServer(spring.getBean(FhirContext.class));
    for (Object provider : spring.getBean(ResourceProviderFactory.class).createProviders()) {
      boolean subscription = provider instanceof IResourceProvider one && one.getResourceType().getSimpleName().equals("Subscription");
      if (options.subscriptions() || !subscription) {
        server.registerProvider(provider);
      }
    }
    server.registerProviders(
        spring.getBean(IJpaSystemProvider.class), spring.getBean(ValueSetOperationProvider.class),
        spring.getBean(BulkDataExportProvider.class));
    server.setServerConformanceProvider(
        new JpaCapabilityStatementProvider(
            server, spring.getBean(IFhirSystemDao.class), spring.getBean(JpaStorageSettings.class),
            spring.getBean(ISearchParamRegistry.class), spring.getBean(IValidationSupport.class)) {
          @Override
          protected void postProcess(FhirTerser terser, IBaseConformance statement) {
            super.postProcess(terser, statement);
            limits.declare((CapabilityStatement) statement);
          }
        });
    server.setPagingProvider(spring.getBean(DatabaseBackedPagingProvider.class));
    server.setDefaultResponseEncoding(EncodingEnum.JSON);
    server.registerInterceptor(limits);
    return server;
  }

  /** Whatever is not closed in time is left: the database is as good as after kill -9. */
  private static void stop(org.eclipse.jetty.server.Server jetty, AnnotationConfigApplicationContext spring) {
    Thread closing = new Thread(() -> {
      try {
        jetty.setStopTimeout(1000);
        jetty.stop();
      } catch (Exception error) {
        System.err.println("a request did not end in time");
      }
      spring.close();
    });
    closing.setDaemon(true);
    closing.start();
    try {
      closing.join(STOP_MILLIS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }

  private static void exitAtEof() {
    try (InputStream in = System.in) {
      in.transferTo(OutputStream.nullOutputStream());
    } catch (IOException error) {
      // A broken input is a closed one.
    }
    System.exit(0);
  }
}
