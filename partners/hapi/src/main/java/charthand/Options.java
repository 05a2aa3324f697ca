package charthand;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** What the command line asks for. Base is the URL of the server, with its port. */
record Options(
    Path folder, int port, String base, boolean transactions, boolean conditionalUpdate, boolean subscriptions, boolean clientIds,
    boolean untilEof) {
  private static final List<String> KNOWN =
      List.of("--no-transactions", "--no-conditional-update", "--no-subscriptions", "--no-client-ids", "--until-eof");

  static Options parse(String[] args) {
    if (args.length < 2) {
      throw new IllegalArgumentException("arguments: DATA_DIR PORT [OPTION…]");
    }
    List<String> rest = Arrays.asList(args).subList(2, args.length);
    for (String option : rest) {
      if (!KNOWN.contains(option)) {
        throw new IllegalArgumentException("unknown option " + option + ": known are " + String.join(" ", KNOWN));
      }
    }
    return new Options(
        Path.of(args[0]).toAbsolutePath(), Integer.parseInt(args[1]), null, !rest.contains("--no-transactions"),
        !rest.contains("--no-conditional-update"), !rest.contains("--no-subscriptions"), !rest.contains("--no-client-ids"),
        rest.contains("--until-eof"));
  }

  Options at(int port) {
    return new Options(
        folder, port, "http://127.0.0.1:" + port + "/fhir", transactions, conditionalUpdate, subscriptions, clientIds, untilEof);
  }
}
