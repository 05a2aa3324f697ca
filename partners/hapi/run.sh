#!/usr/bin/env bash
# Starts a HAPI FHIR JPA server (R4) on 127.0.0.1:PORT, with its database in DATA_DIR. README.md tells the options.
# Usage: partners/hapi/run.sh CACHE DATA_DIR PORT [OPTION…], or partners/hapi/run.sh --build-only CACHE
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
only=
if [ "${1:-}" = --build-only ]; then
  only=yes
  shift
fi
if [ -z "${1:-}" ] || { [ -z "$only" ] && [ $# -lt 3 ]; }; then
  sed -n 3p "$0" >&2
  exit 2
fi
cache=$1
shift
for tool in java mvn flock; do
  command -v "$tool" >/dev/null || { echo "the HAPI server needs Java 17, Maven and flock: no $tool here" >&2; exit 2; }
done

flags=(-Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xlog:disable)

# The server, built once for each version of its sources. It runs once then, for an archive of its loaded classes and an empty database: with
# them a start takes about half the time.
built=$cache/hapi/$(cat "$0" "$here/pom.xml" "$here"/src/main/java/charthand/*.java "$here"/src/main/resources/* | sha256sum | cut -c1-16)
if [ ! -f "$built/classpath" ]; then
  mkdir -p "$cache/hapi"
  (
    flock 9
    if [ ! -f "$built/classpath" ]; then
      echo "building the HAPI server (the first time it fetches about 330 MB)" >&2
      work=$(mktemp -d)
      trap 'rm -rf "$work"' EXIT
      cp -r "$here/pom.xml" "$here/src" "$work"
      (cd "$work" && mvn -q -B --color never "-Dmaven.repo.local=$cache/m2" compile jar:jar dependency:build-classpath "-Dmdep.outputFile=$work/jars" >&2)
      rm -rf "$built"
      mkdir -p "$built"
      mv "$work/target/server.jar" "$built"
      printf '%s:%s' "$built/server.jar" "$(cat "$work/jars")" >"$work/classpath"
      coproc server { exec java "${flags[@]}" "-XX:ArchiveClassesAtExit=$built/classes.jsa" -cp "$(cat "$work/classpath")" charthand.Server "$work/data" 0 --until-eof 9>&-; }
      pid=$server_PID input=${server[1]}
      read -r _ <&"${server[0]}" || { echo "the HAPI server does not start" >&2; exit 1; }
      exec {input}>&-
      wait "$pid"
      mv "$work/data/fhir.mv.db" "$built/empty.mv.db"
      mv "$work/classpath" "$built/classpath"
    fi
  ) 9>"$cache/hapi/lock"
fi
[ -z "$only" ] || exit 0

mkdir -p "$1"
[ -f "$1/fhir.mv.db" ] || cp "$built/empty.mv.db" "$1/fhir.mv.db"
exec java "${flags[@]}" "-XX:SharedArchiveFile=$built/classes.jsa" -cp "$(cat "$built/classpath")" charthand.Server "$@"
