"""Asks a running charthand what it says of itself, and takes the AuditEvents that it writes: one JSON object a line on standard output.

Usage: served.py CHARTHAND DOCUMENT. The program is started here, and ended."""

import http.server
import json
import queue
import subprocess
import sys
import tempfile
import threading
import urllib.request

program, document = sys.argv[1:]
events = queue.Queue()


class Server(http.server.BaseHTTPRequestHandler):
    """A FHIR server that takes AuditEvents."""

    def do_POST(self):
        events.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(201)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as taker, tempfile.NamedTemporaryFile("w", suffix=".yaml") as settings:
    threading.Thread(target=taker.serve_forever, daemon=True).start()
    settings.write(f"access: {{auditEvents: {{base: 'http://127.0.0.1:{taker.server_port}'}}}}\n")
    settings.flush()
    serving = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--config", settings.name], stderr=subprocess.PIPE, text=True)
    base = next(line.split("serves on ")[1].split(";")[0] for line in serving.stderr if "serves on " in line)
    threading.Thread(target=serving.stderr.read, daemon=True).start()
    for path in ("metadata", "OperationDefinition/DocumentReference-extract"):
        with urllib.request.urlopen(f"{base}/fhir/{path}") as answer:
            print(json.dumps(json.load(answer)))
    for body in (open(document, "rb").read(), b"{}"):
        asked = urllib.request.Request(f"{base}/fhir/DocumentReference/$extract", body, {"Content-Type": "application/fhir+json"})
        try:
            urllib.request.urlopen(asked).close()
        except urllib.error.HTTPError:
            pass  # one of the two is to be refused
        print(json.dumps(events.get(timeout=60)))
    serving.terminate()
    serving.wait()
    taker.shutdown()
