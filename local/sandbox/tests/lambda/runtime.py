#!/usr/bin/env python3
# A custom runtime. It does what the member `do` of an event names.
import base64, http.client, json, os, signal, sys, time

api = os.environ["AWS_LAMBDA_RUNTIME_API"]


def call(method, path, body=None, headers={}):
    connection = http.client.HTTPConnection(api)
    connection.request(method, "/2018-06-01/runtime" + path, body, headers)
    response = connection.getresponse()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()


def is_first_start():
    marker = os.environ["MARKER"]
    if os.path.exists(marker):
        return False
    open(marker, "w").close()
    return True


def start_daemon(event):
    """Starts a process of another group, session and parent, without variables and pipes."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(writer, str(os.getpid()).encode())
            os.closerange(0, 64)
            if event["do"] == "restless-daemon":
                code = RESTLESS, event["file"]
                os.execve(sys.executable, [sys.executable, "-c", *code], {})
            os.execve("/bin/sh", ["/bin/sh", "-c", event.get("command", "exec sleep 600")], {})
        os._exit(0)
    os.waitpid(child, 0)
    print("daemon", os.read(reader, 20).decode(), flush=True)


# Each process notes its id, leaves the session of its parent, starts the next one, and ends.
RESTLESS = """
import os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY)
while True:
    os.pwrite(file, b"%20d" % os.getpid(), 0)
    if os.fork() != 0: os._exit(0)
    os.setsid()
"""

init = os.environ.get("INIT", "")
if init == "exit" or (init == "exit-once" and is_first_start()):
    sys.exit(7)
if init == "hang-once" and is_first_start():
    time.sleep(600)
if init == "error":
    call("POST", "/init/error", json.dumps({"errorType": "ImportError", "errorMessage": "no module"}),
         {"Lambda-Runtime-Function-Error-Type": "Runtime.ImportModuleError"})
    if "PRINT_AFTER_ERROR" in os.environ:
        time.sleep(0.02)
        print("Traceback: no module", flush=True)
    sys.exit(1)
print("runtime pid", os.getpid(), flush=True)

calls = 0
while True:
    status, headers, body = call("GET", "/invocation/next")
    calls += 1
    request_id = headers["lambda-runtime-aws-request-id"]
    event = json.loads(body or b"{}")
    do = event.get("do", "echo")
    if do == "sleep":
        time.sleep(event["seconds"])
    if do == "exit":
        sys.exit(event["status"])
    if do == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if do == "log":
        for n in range(event["lines"]):
            print("line", n)
        sys.stdout.flush()
    if do == "half":
        sys.stdout.write(event["text"])
        sys.stdout.flush()
    if do == "detach":
        reader, writer = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(writer, str(os.getpid()).encode())
                time.sleep(600)
            os._exit(0)
        print("detached", os.read(reader, 20).decode(), flush=True)
    if do in ("daemon", "restless-daemon"):
        start_daemon(event)
    if do == "big-error":
        status, _, body = call("POST", f"/invocation/{request_id}/error", b"x" * event["bytes"],
                               {"Lambda-Runtime-Function-Error-Type": "Function.Teapot"})
        print("big-error", status, body.decode(), flush=True)
        continue
    if do == "error":
        headers = {"Lambda-Runtime-Function-Error-Type": "Function.Teapot"}
        if "cause" in event:
            headers["Lambda-Runtime-Function-XRay-Error-Cause"] = json.dumps(event["cause"])
        error = {"errorType": "Teapot", "errorMessage": "short and stout", "stackTrace": []}
        call("POST", f"/invocation/{request_id}/error", json.dumps(error), headers)
        continue
    if do == "big":
        status, _, body = call("POST", f"/invocation/{request_id}/response", b"x" * event["bytes"])
        print("big", status, body.decode(), flush=True)
        continue
    if do == "stream":
        connection = http.client.HTTPConnection(api)
        connection.putrequest("POST", f"/2018-06-01/runtime/invocation/{request_id}/response")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        connection.putheader("Trailer", "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body")
        connection.endheaders()
        connection.send(b"6\r\nhello \r\n5\r\nworld\r\n0\r\n")
        if event.get("fails"):
            failure = base64.b64encode(b'{"errorType":"Broken"}')
            connection.send(b"Lambda-Runtime-Function-Error-Type: Function.Broken\r\n")
            connection.send(b"Lambda-Runtime-Function-Error-Body: " + failure + b"\r\n")
        connection.send(b"\r\n")
        connection.getresponse().read()
        continue
    if do == "twice":
        status, _, body = call("GET", "/invocation/next")
        response = {"status": status, "body": json.loads(body)}
    elif do == "wrong-id":
        status, _, body = call("POST", "/invocation/no-such-id/response", b"{}")
        response = {"status": status, "body": json.loads(body)}
    else:
        response = {"event": event, "headers": headers, "pid": os.getpid(), "calls": calls,
                  "env": dict(os.environ), "cwd": os.getcwd()}
    call("POST", f"/invocation/{request_id}/response", json.dumps(response))
