#!/usr/bin/env bash
# Validates what bin/charthand writes: the sample documents, attachments and 200 dictated notes as R4, US Core and IPS, the sample documents in every way
# of writing, with a site's settings and with codes, and what becomes of notes that are replaced or withdrawn; and what a server says of itself and of accesses.
# Usage: partners/validator/run.sh CACHE DATA
set -euo pipefail
cache=$1 data=$2
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../.."
for tool in java mvn; do
  command -v "$tool" >/dev/null || { echo "test-fhir needs Java 17 and Maven: no $tool here" >&2; exit 2; }
done

# The validator, built once for each version of its sources.
built=$cache/validator/$(cat "$here/pom.xml" "$here"/src/main/java/charthand/*.java | sha256sum | cut -c1-16)
if [ ! -f "$built/classpath" ]; then
  echo "building the validator (the first time it fetches about 175 MB)"
  work=$(mktemp -d)
  cp -r "$here/pom.xml" "$here/src" "$work"
  (cd "$work" && mvn -q -B --color never "-Dmaven.repo.local=$cache/m2" compile dependency:build-classpath "-Dmdep.outputFile=$work/classpath")
  mkdir -p "$built"
  cp -r "$work/target/classes" "$built"
  mv "$work/classpath" "$built/classpath"
  rm -r "$work"
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export XDG_DATA_HOME=$out/data # what somebody has imported here is not in what is validated
documents=(fixtures/documents/*.json)
python3 "$here/attachments.py" fixtures/attachments >"$out/attachments.ndjson"
dictated=()
if [ -f "$data/mtsamples/notes.ndjson.gz" ]; then
  python3 "$here/dictated.py" "$data/mtsamples" 200 >"$out/dictated.ndjson"
  dictated=("$out/dictated.ndjson")
else
  echo "skipped: the 200 dictated notes: $data/mtsamples is not there (CHARTHAND_DATA)"
fi
extract() { # FOLDER ARGUMENT…
  mkdir -p "$out/$1"
  bin/charthand extract --out "$out/$1/bundles.ndjson" "${@:2}"
}
printf '%s\t%s\t%s\t%s\n' term code display kind \
  'atrial fibrillation' I48.91 'Unspecified atrial fibrillation' problem hypertension I10 'Essential (primary) hypertension' problem \
  'chest pain' R07.9 'Chest pain, unspecified' problem asthma J45.909 'Unspecified asthma, uncomplicated' problem >"$out/codes.tsv"
bin/charthand terminology import tsv "$out/codes.tsv" --system http://hl7.org/fhir/sid/icd-10-cm --data "$out/codes"
extract coded --data "$out/codes" "${documents[@]}" "${dictated[@]}"
rm -r "$out/codes"
grep -q '"code":"I48.91"' "$out/coded/bundles.ndjson"
packages=$data/fhir/packages
profiles=(r4)
if [ -f "$packages/us-core-6.1.0.tgz" ] && [ -f "$packages/ips-1.1.0.tgz" ]; then
  profiles+=(us-core ips)
else
  echo "skipped: US Core and IPS: their packages are not in $packages (CHARTHAND_DATA)"
fi
for profile in "${profiles[@]}"; do
  extract "$profile" --profile "$profile" --any-language "${documents[@]}" "${dictated[@]}"
  extract "$profile-site" --profile "$profile" --config "$here/site.yaml" "${documents[@]}"
  extract "$profile-attachments" --profile "$profile" "$out/attachments.ndjson"
  extract "$profile-life" --profile "$profile" fixtures/life/*.json
done
for mode in conditional-update client-id post; do
  extract "$mode" --write "$mode" "${documents[@]}"
done
mkdir "$out/served"
python3 "$here/served.py" bin/charthand "${documents[0]}" >"$out/served/resources.ndjson"
folders=()
for folder in "$out"/*/; do
  folders+=("${folder%/}")
done
java -Xmx3g -XX:+UseParallelGC -XX:TieredStopAtLevel=4 -cp "$built/classes:$packages:$(cat "$built/classpath")" charthand.Validate "$here/expected-warnings.txt" "${folders[@]}"
