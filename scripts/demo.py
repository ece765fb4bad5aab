#!/usr/bin/env python3
"""Builds the demo, runs it on this machine and shows its traces.

Serves until Ctrl-C. With --once it exits instead, with 0 only if all expected traces are
complete.
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
if not TARGET.is_absolute():
    TARGET = ROOT / TARGET
BUILT = TARGET / "debug"
WORK = TARGET / "demo"
COLOR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def say(text=""):
    print(text, flush=True)


def title(text):
    say(f"\n\033[1m{text}\033[0m" if COLOR else f"\n== {text}")


def build():
    title("Building (the first time takes a few minutes)")
    packages = ["xray-local", "xray-lambda-extension", "demo-api"]
    command = ["cargo", "build", "--locked"]
    for package in packages:
        command += ["-p", package]
    try:
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            sys.exit("demo: the build failed; the output of cargo is above")
    except FileNotFoundError:
        sys.exit("demo: cargo is not installed; see https://rustup.rs")


def stage_layer():
    """Copies the extension into a folder with the layout of the layer."""
    extensions = WORK / "layer" / "extensions"
    extensions.mkdir(parents=True, exist_ok=True)
    # If another demo runs the old file, it cannot be overwritten, only replaced.
    new = extensions.parent / f"new-{os.getpid()}"
    shutil.copy2(BUILT / "xray-lambda-extension", new)
    os.replace(new, extensions / "xray-lambda-extension")


def check_ports(arguments):
    """Exits with an explanation if a port is in use, before the build starts."""
    for port, name in [(arguments.port, "PORT"), (arguments.xray_port, "XRAY_PORT")]:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                sys.exit(f"demo: cannot use port {port} ({error}); stop the program that uses it, or choose another port with `{name}=N make demo`")


class XrayLocal:
    """A running `xray-local start-api`."""

    def __init__(self, arguments):
        self.data = WORK / "traces"
        # One log for each port, because several demos may run at the same time.
        self.log = WORK / f"xray-local-{arguments.port}.log"
        command = [
            BUILT / "xray-local", "start-api",
            "--template", ROOT / "template.yaml",
            "--target-dir", TARGET,
            # The demo calls nothing on AWS.
            "--credentials", "none",
            "--data", self.data,
            "--port", str(arguments.port),
            "--xray-listen", f"127.0.0.1:{arguments.xray_port}",
        ]
        # Replace the layers by the new build, which is for this machine's architecture.
        for layer in ["XRayLambdaLayerX86", "XRayLambdaLayerArm64"]:
            command += ["--layer", f"{layer}={WORK / 'layer'}"]
        command += ["--parameter-overrides", "FaultInjection=on"]
        if arguments.dynamodb_endpoint:
            command += ["--dynamodb-endpoint", arguments.dynamodb_endpoint]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdout=log, stderr=log, start_new_session=True
            )
        try:
            self.xray = self.address(r"^X-Ray API\s+(\S+)")
            self.api = self.address(r"^(?:DemoApi|demo)\S*\s+(http\S+)")
        except BaseException:
            self.stop()
            raise

    def address(self, pattern):
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if match := re.search(pattern, self.log.read_text(), re.MULTILINE):
                return match[1]
            if self.process.poll() is not None:
                sys.exit(f"demo: xray-local stopped:\n{self.log.read_text()}")
            time.sleep(0.02)
        sys.exit(f"demo: xray-local did not start within 30 s; its log is {self.log}")

    def request(self, method, path, body=None):
        """Sends a request to the demo API; returns status, body and trace id."""
        data = body.encode() if body is not None else None
        request = urllib.request.Request(self.api + path, data, method=method)
        request.add_header("content-type", "application/json")
        started = time.monotonic()
        try:
            response = urllib.request.urlopen(request, timeout=40)
        except urllib.error.HTTPError as error:
            response = error
        text = response.read().decode()
        took = (time.monotonic() - started) * 1000
        root = re.search(r"Root=([^;]+)", response.headers.get("x-amzn-trace-id", ""), re.I)
        say(f"  {method:<4} {path:<28} {response.status}  {took:6.0f} ms  {text[:90]}")
        return response.status, text, root[1] if root else None

    def trace(self, trace_id):
        """Returns the documents of a trace through BatchGetTraces."""
        body = json.dumps({"TraceIds": [trace_id]}).encode()
        request = urllib.request.Request(self.xray + "/Traces", body)
        request.add_header("content-type", "application/json")
        traces = json.load(urllib.request.urlopen(request, timeout=10))["Traces"]
        return [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]

    def show(self, trace_id):
        command = [BUILT / "xray-local", "trace", trace_id, "--data", self.data]
        subprocess.run(command, check=True)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def entities(documents):
    """Yields all segments and subsegments, depth first, without inferred ones."""
    for document in documents:
        if document.get("inferred"):
            continue
        yield document
        yield from entities(document.get("subsegments", []))


def find_missing(documents, expected):
    """Lists the parts of a complete trace that these documents lack."""
    found = list(entities(documents))
    missing_parts = [f"in progress: {entity['name']}" for entity in found if "end_time" not in entity]
    for description, count, wanted in expected:
        matches = [entity for entity in found if wanted(entity)]
        if len(matches) < count:
            missing_parts.append(f"{description} ({len(matches)} of {count})")
    ids = {entity["id"] for entity in found}
    missing_parts += [
        f"the parent of {entity['name']}"
        for entity in documents
        if entity.get("parent_id") and entity["parent_id"] not in ids and not entity.get("inferred")
    ]
    return missing_parts


def origin(name, count=1):
    return (name, count, lambda entity: entity.get("origin") == name)


def named(name, count=1, **fields):
    def matches(entity):
        return entity["name"] == name and all(entity.get(k) == v for k, v in fields.items())

    return (name + (f" {fields}" if fields else ""), count, matches)


STAGE = origin("AWS::ApiGateway::Stage")
FUNCTION = [STAGE, origin("AWS::Lambda"), origin("AWS::Lambda::Function")]
DYNAMODB = named("DynamoDB", namespace="aws")


def call_demo_api(local):
    """Calls the demo API as a user would; returns the expected content of each trace."""
    title("Calling the demo API")
    item = json.dumps({"tenant": "acme", "message": "hello"})
    status, text, cold = local.request("POST", "/items", item)
    if status != 201:
        sys.exit(f"demo: POST /items returned status {status}; the log is {local.log}")
    pk = json.loads(text)["pk"]
    write = FUNCTION + [named("validate_and_write"), DYNAMODB]
    read = FUNCTION + [named("read_and_respond"), DYNAMODB]
    both = [origin("AWS::ApiGateway::Stage", 2), origin("AWS::Lambda", 2), origin("AWS::Lambda::Function", 2)]
    fault = ("a fault on the function", 1, lambda e: e.get("origin") == "AWS::Lambda::Function" and e.get("fault"))
    cases = [(201, status, "A write, with the function's cold start", cold, write + [named("Init")])]

    def case(expected, description, method, path, expected_parts, body=None):
        status, _, trace = local.request(method, path, body)
        cases.append((expected, status, description, trace, expected_parts))

    case(200, "A read, warm", "GET", f"/items/{pk}", read)
    case(404, "An item that is not there", "GET", "/items/nothing", read)
    case(400, "A body that is not JSON", "POST", "/items", FUNCTION + [named("validate_and_write")], "{not json")
    slow = json.dumps({"tenant": "acme", "message": "slow", "delayMs": 400})
    case(201, "A slow dependency", "POST", "/items", write + [named("slow_dependency")], slow)
    case(200, "A report: one trace through two functions", "GET", f"/reports/{pk}", both + [named("read_and_respond"), DYNAMODB])
    failing = json.dumps({"tenant": "acme", "fail": True})
    case(502, "A handler that fails", "POST", "/items", FUNCTION + [fault], failing)
    return cases


def wait_complete(local, trace_id, expected):
    """Waits up to 20 s until the trace is complete; returns the missing parts."""
    deadline = time.monotonic() + 20
    missing_parts = ["the trace"]
    while missing_parts and time.monotonic() < deadline:
        documents = local.trace(trace_id) if trace_id else []
        missing_parts = find_missing(documents, expected) if documents else ["the trace"]
        if missing_parts:
            time.sleep(0.05)
    return missing_parts


def check_traces(local, cases):
    problems = []
    for expected, status, description, trace_id, expected_parts in cases:
        title(description)
        if status != expected:
            problems.append(f"{description}: status {status} instead of {expected}")
        missing_parts = wait_complete(local, trace_id, expected_parts)
        if trace_id and missing_parts != ["the trace"]:
            local.show(trace_id)
        problems += [f"{description}: {part} is missing" for part in missing_parts]
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--once", action="store_true", help="exit after showing the traces")
    parser.add_argument("--port", type=int, default=os.environ.get("PORT") or "3000", help="the port of the demo API (default: $PORT or 3000)")
    parser.add_argument("--xray-port", type=int, default=os.environ.get("XRAY_PORT") or "2001", help="the port of the X-Ray API (default: $XRAY_PORT or 2001)")
    parser.add_argument("--dynamodb-endpoint", help="the URL of a DynamoDB to use instead of the built-in one")
    parser.add_argument("--no-build", action="store_true", help="use the existing build")
    arguments = parser.parse_args()
    # SIGTERM stops the demo as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    WORK.mkdir(parents=True, exist_ok=True)
    local = None
    try:
        check_ports(arguments)
        if not arguments.no_build:
            build()
        stage_layer()
        local = XrayLocal(arguments)
        problems = check_traces(local, call_demo_api(local))
        title("Where to look")
        say(f"  Demo API   {local.api}")
        say(f"  X-Ray API  {local.xray}   (aws xray … --endpoint-url {local.xray})")
        say(f"  Traces     {BUILT / 'xray-local'} traces --data {local.data}")
        say(f"  Log        {local.log}")
        for problem in problems:
            say(f"demo: {problem}")
        if arguments.once:
            if not problems:
                say("\nEvery expected trace was found complete.")
            sys.exit(1 if problems else 0)
        say("\nServing until Ctrl-C.")
        local.process.wait()
        sys.exit(f"demo: xray-local stopped; its log is {local.log}")
    except KeyboardInterrupt:
        say()
        if arguments.once:
            sys.exit(130)
    finally:
        if local:
            local.stop()


if __name__ == "__main__":
    main()
