package charthand;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CachingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.NpmPackageValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/**
 * Validates Bundles with HAPI FHIR's validator, offline: R4, and the packages that are on the class path for what the resources claim.
 *
 * <p>Arguments: a file of expected warnings, then files and folders of Bundles, one JSON object a line. An expected warning is a line
 * "regular expression | why it stays". The exit code is 1 where there is an error, a warning that is not expected, or, where both packages
 * are there, an expected one that no Bundle draws any more.
 */
public final class Validate {
  private static final String AI_SYSTEM = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
  private static final List<String> PACKAGES = List.of("us-core-6.1.0.tgz", "ips-1.1.0.tgz");
  private static final int THREADS = 2;

  /** A warning that stays, with the number of times it was drawn. */
  private static final class Expected {
    final Pattern pattern;
    int drawn;

    Expected(String pattern) {
      this.pattern = Pattern.compile(pattern, Pattern.DOTALL);
    }
  }

  private record Bundle(Path file, int line, String json) {}

  private record Result(Bundle bundle, List<SingleValidationMessage> messages) {}

  private Validate() {}

  public static void main(String[] args) throws Exception {
    List<Expected> expected = readExpected(Path.of(args[0]));
    List<Bundle> bundles = new ArrayList<>();
    for (int i = 1; i < args.length; i++) {
      readBundles(Path.of(args[i]), bundles);
    }
    FhirValidator validator = validator();
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    List<Future<Result>> results = new ArrayList<>();
    for (Bundle bundle : bundles) {
      results.add(pool.submit(() -> new Result(bundle, validator.validateWithResult(bundle.json()).getMessages())));
    }
    pool.shutdown();

    Map<String, Integer> unexpected = new TreeMap<>();
    Map<String, Integer> folders = new LinkedHashMap<>();
    int failed = 0;
    for (Future<Result> future : results) {
      Result result = future.get();
      folders.merge(String.valueOf(result.bundle().file().getParent().getFileName()), 1, Integer::sum);
      boolean bad = false;
      for (SingleValidationMessage message : result.messages()) {
        ResultSeverityEnum severity = message.getSeverity();
        if (severity == ResultSeverityEnum.INFORMATION) {
          continue;
        }
        String text = message.getMessage();
        boolean known = false;
        if (severity == ResultSeverityEnum.WARNING) {
          for (Expected one : expected) {
            if (one.pattern.matcher(text).matches()) {
              one.drawn++;
              known = true;
              break;
            }
          }
        }
        if (!known) {
          bad = true;
          String place = result.bundle().file() + ":" + result.bundle().line() + " " + message.getLocationString();
          String key = severity + ": " + text;
          if (unexpected.merge(key, 1, Integer::sum) == 1) {
            System.err.println(key + "\n    first at " + place);
          }
        }
      }
      if (bad) {
        failed++;
      }
    }
    unexpected.forEach((text, times) -> System.err.println(times + " x " + text));
    boolean stale = false;
    for (Expected one : expected) {
      System.out.println(one.drawn + " x expected warning: " + one.pattern);
      if (one.drawn == 0 && Validate.class.getResource("/" + PACKAGES.get(0)) != null) {
        System.err.println("expected, but not drawn any more: " + one.pattern);
        stale = true;
      }
    }
    folders.forEach((folder, count) -> System.out.println(folder + ": " + count + " Bundles"));
    System.out.println((bundles.size() - failed) + " passed, " + failed + " failed");
    System.exit(failed > 0 || bundles.isEmpty() || stale ? 1 : 0);
  }

  private static List<Expected> readExpected(Path file) throws IOException {
    List<Expected> expected = new ArrayList<>();
    for (String line : Files.readAllLines(file)) {
      if (line.isBlank() || line.startsWith("#")) {
        continue;
      }
      int cut = line.lastIndexOf(" | ");
      if (cut < 0 || line.substring(cut + 3).isBlank()) {
        throw new IOException(file + ": a warning needs the reason why it stays: " + line);
      }
      expected.add(new Expected(line.substring(0, cut).trim()));
    }
    return expected;
  }

  private static void readBundles(Path path, List<Bundle> into) throws IOException {
    if (Files.isDirectory(path)) {
      try (Stream<Path> files = Files.list(path)) {
        for (Path file : files.sorted().toList()) {
          readBundles(file, into);
        }
      }
      return;
    }
    int line = 0;
    for (String json : Files.readAllLines(path)) {
      line++;
      if (!json.isBlank()) {
        into.add(new Bundle(path, line, json));
      }
    }
  }

  private static FhirValidator validator() throws IOException {
    FhirContext context = FhirContext.forR4();
    IValidationSupport base = new DefaultProfileValidationSupport(context);
    // HAPI's R4 terminology is older than HL7's, which has this code.
    CodeSystem values = (CodeSystem) base.fetchCodeSystem(AI_SYSTEM);
    CodeSystem withAI = values.copy();
    withAI.addConcept().setCode("AIAST").setDisplay("Artificial Intelligence asserted");
    PrePopulatedValidationSupport supplement = new PrePopulatedValidationSupport(context);
    supplement.addCodeSystem(withAI);
    NpmPackageValidationSupport packages = new NpmPackageValidationSupport(context);
    for (String name : PACKAGES) {
      if (Validate.class.getResource("/" + name) != null) {
        packages.loadPackageFromClasspath("classpath:" + name);
      } else {
        System.out.println("skipped: " + name + " is not there: its profiles are not checked");
      }
    }
    ValidationSupportChain chain = new ValidationSupportChain(
        supplement, base, packages, new CommonCodeSystemsTerminologyService(context),
        new InMemoryTerminologyServerValidationSupport(context), new SnapshotGeneratingValidationSupport(context));
    FhirInstanceValidator instances = new FhirInstanceValidator(new CachingValidationSupport(chain));
    instances.setAnyExtensionsAllowed(true);
    instances.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
    FhirValidator validator = context.newValidator();
    validator.registerValidatorModule(instances);
    return validator;
  }
}
