"""Print the first dictated notes of the mtsamples corpus as DocumentReferences, one a line: dictated.py CORPUS COUNT.

Every other one has an encounter and a date, so that both ways are seen."""
import base64
import gzip
import json
import sys

corpus, count = sys.argv[1], int(sys.argv[2])
printed = 0
with gzip.open(corpus + "/notes.ndjson.gz", "rt", encoding="utf-8") as lines:
    for line in lines:
        text = json.loads(line)["transcription"]
        if not text.strip() or printed == count:
            continue
        document = {
            "resourceType": "DocumentReference",
            "id": f"dictated-{printed}",
            "status": "current",
            "subject": {"reference": f"Patient/{printed}"},
            "content": [{"attachment": {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}}],
        }
        if printed % 2:
            document["date"] = "2024-05-21T10:40:00-04:00"
            document["context"] = {"encounter": [{"reference": f"Encounter/{printed}"}]}
        print(json.dumps(document))
        printed += 1
