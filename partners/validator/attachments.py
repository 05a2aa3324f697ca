"""Print the sample attachments as documents, one a line: attachments.py FOLDER. They are DocumentReferences and DiagnosticReports in turn."""
import base64
import json
import pathlib
import sys

TYPES = {".html": "text/html", ".rtf": "application/rtf", ".xml": "application/cda+xml", ".pdf": "application/pdf"}
UNREADABLE = {"scanned", "encrypted"}

for number, path in enumerate(sorted(pathlib.Path(sys.argv[1]).iterdir())):
    if path.suffix not in TYPES or path.stem in UNREADABLE:
        continue
    attachment = {"contentType": TYPES[path.suffix], "data": base64.b64encode(path.read_bytes()).decode()}
    document = {"id": path.stem, "subject": {"reference": "Patient/1"}}
    if number % 2:
        document |= {"resourceType": "DocumentReference", "status": "current", "content": [{"attachment": attachment}], "date": "2032-05-07T10:40:00-04:00"}
    else:
        document |= {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "Report"}, "presentedForm": [attachment]}
    print(json.dumps(document))
