#!/usr/bin/env python3
# An external extension that notes every event it receives.
import http.client, json, os, socketserver, sys, threading, time
from http.server import BaseHTTPRequestHandler, HTTPServer

api = os.environ["AWS_LAMBDA_RUNTIME_API"]
name = os.path.basename(sys.argv[0])
settings = json.loads(os.environ.get("EXTENSION", "{}"))


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(api)
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


lock = threading.Lock()


def note(kind, what):
    with lock, open(settings["notes"], "a") as notes:
        notes.write(json.dumps({"kind": kind, "pid": os.getpid(), "what": what}) + "\n")


if settings.get("exit") == "init":
    sys.exit(3)
register = {"Lambda-Extension-Name": name, "Lambda-Extension-Accept-Feature": "accountId"}
events = settings.get("events", ["INVOKE", "SHUTDOWN"])
status, headers, body = call("POST", "/2020-01-01/extension/register", json.dumps({"events": events}), register)
me = {"Lambda-Extension-Identifier": headers["lambda-extension-identifier"]}
note("register", {"status": status, "body": json.loads(body), "env": dict(os.environ)})
if settings.get("exit") == "init-error":
    call("POST", "/2020-01-01/extension/init/error", b"",
         {**me, "Lambda-Extension-Function-Error-Type": "Extension.NoConfig"})
    sys.exit(3)


class Listener(BaseHTTPRequestHandler):
    reject = settings.get("reject", 0)

    def do_POST(self):
        batch = self.rfile.read(int(self.headers["Content-Length"]))
        if Listener.reject > 0:
            Listener.reject -= 1
            self.send_response(500)
        else:
            for event in json.loads(batch):
                note("telemetry", event)
            self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Lines(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            note("telemetry", json.loads(line))


if "telemetry" in settings:
    if settings["telemetry"] == "TCP":
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Lines)
        server.daemon_threads = True
        destination = {"protocol": "TCP", "port": server.server_address[1]}
    else:
        server = HTTPServer(("127.0.0.1", 0), Listener)
        destination = {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{server.server_address[1]}/in"}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    subscription = {"schemaVersion": "2022-12-13", "types": ["platform", "function"],
                    "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
                    "destination": destination}
    status, _, body = call("PUT", "/2022-07-01/telemetry", json.dumps(subscription), me)
    note("subscribe", {"status": status, "body": json.loads(body)})
    broken = {**subscription, "types": ["everything"]}
    status, _, body = call("PUT", "/2022-07-01/telemetry", json.dumps(broken), me)
    note("broken", {"status": status, "body": json.loads(body)})

print("extension pid", os.getpid(), flush=True)
while True:
    status, headers, body = call("GET", "/2020-01-01/extension/event/next", headers=me)
    event = json.loads(body)
    note("event", event)
    if event["eventType"] == "SHUTDOWN":
        if settings.get("ignores-shutdown"):
            time.sleep(600)
        time.sleep(settings.get("linger", 0))
        note("end", {})
        sys.exit(0)
    if settings.get("exit") == "invoke":
        sys.exit(5)
    if settings.get("late"):
        status, _, body = call("PUT", "/2022-07-01/telemetry", json.dumps(subscription), me)
        note("late", {"status": status, "body": json.loads(body)})
    time.sleep(settings.get("slow", 0))
    note("done", event["requestId"])
