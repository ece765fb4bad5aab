#!/usr/bin/env python3
"""Runs the extension for many invocations against a scripted Lambda and a scripted X-Ray that
fails at random. Freezes it at random too. Checks every document and the extension's own account.

Exits with 0 if every check holds. The seed chooses all random numbers; the order in which
processes run is not repeated.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STRATEGIES = ["end", "adaptive", "next", "background:50"]
FLUSH_TIMEOUT = 0.5
FUNCTION_TIMEOUT = 30.0
# Of a function whose end nobody reports. The extension calls /next 100 ms before it.
SHORT_TIMEOUT = 0.6
SHUTDOWN_TIMEOUT = 2.0  # Lambda Developer Guide, Extensions API, shutdown phase.
# The longest time that a loaded machine may delay a process, beyond each limit.
ALLOWANCE = 1.0
MAX_WAIT = 90.0
BUFFER_BYTES = 1 << 20
MAX_RESIDENT_BYTES = (8 << 20) + BUFFER_BYTES
# The allocator may keep the space of a buffer that was full once.
MAX_GROWTH_BYTES = BUFFER_BYTES
STANDARD_RECEIVE_BUFFER_BYTES = 212_992  # net.core.rmem_max of most kernels.
TRACE = "1-6750a1b2-00112233445566778899aabb"
HEADER = b'{"format":"json","version":1}\n'
SIGNAL_HEADER = b'{"format":"xray-lambda","version":1}\n'
SERVICE_ERRORS = {429: "ThrottledException", 500: "InternalFailure", 503: "ServiceUnavailable"}


class Failure(Exception):
    """The run cannot go on."""


async def read_request(reader):
    """Returns the path and the body of an HTTP request; None at the end of the connection."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        body = await reader.readexactly(int(length[1])) if length else b""
    except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
        return None
    return head.split(" ")[1], body


def response(status, body, *headers):
    lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", *headers, "", body]
    return "\r\n".join(lines).encode()


class Lambda:
    """The Extensions API. Responds to /next when `send` has an event."""

    def __init__(self):
        self.telemetry_port = None
        self.waiting = asyncio.Queue()
        self.next_calls = 0
        self.early_next_calls = 0
        self.running = False

    async def serve(self, reader, writer):
        while request := await read_request(reader):
            path, body = request
            if path.endswith("/register"):
                answer = '{"functionName":"f","functionVersion":"1","handler":"h"}'
                writer.write(response(200, answer, "lambda-extension-identifier: id"))
            elif path.endswith("/telemetry"):
                uri = json.loads(body)["destination"]["URI"]
                self.telemetry_port = int(uri.rstrip("/").rsplit(":", 1)[1])
                writer.write(response(200, "OK"))
            else:
                self.next_calls += 1
                self.early_next_calls += not self.waiting.empty()
                self.waiting.put_nowait((time.monotonic(), writer))
        writer.close()

    async def next_called(self, limit):
        """Waits for /next. Returns when it was called, and the connection."""
        try:
            return await asyncio.wait_for(self.waiting.get(), limit)
        except asyncio.TimeoutError:
            raise Failure(f"the extension did not call /next within {limit:.0f} s") from None


class XRay:
    """PutTraceSegments, with faults. It fails more often for a while, now and then."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.accepted = set()
        self.others = set()
        self.complete = set()
        self.documents = 0
        self.late_in_progress = 0
        self.answers = {}
        self.writers = set()
        self.fault_rate = 0.0

    def next_phase(self):
        self.fault_rate = self.random.choice([0.0, 0.0, 0.02, 0.02, 0.02, 0.02, 0.1, 0.1, 0.1, 0.9])

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while request := await read_request(reader):
                path, body = request
                if path != "/TraceSegments":
                    writer.write(response(200, "{}"))
                elif not await self.answer(json.loads(body)["TraceSegmentDocuments"], writer):
                    break
        except (asyncio.CancelledError, ConnectionError):
            pass  # Cancelled at the end of the run.
        finally:
            self.writers.discard(writer)
            writer.close()

    async def answer(self, texts, writer):
        """Accepts the documents or fails. Returns whether the connection stays open."""
        fault = "none"
        if self.random.random() < self.fault_rate:
            faults = ["slow"] * 4 + [429, 500, 503, "reset", "lost answer"] * 2 + ["hang"]
            fault = self.random.choice(faults)
        self.answers[fault] = self.answers.get(fault, 0) + 1
        self.receive(texts, accepted=fault in ("none", "slow", "lost answer"))
        if fault in SERVICE_ERRORS:
            headers = [f"x-amzn-errortype: {SERVICE_ERRORS[fault]}"]
            if fault == 429 and self.random.random() < 0.3:
                headers.append("retry-after: 1")
            writer.write(response(fault, "{}", *headers))
            return True
        if fault in ("reset", "lost answer"):
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return False
        if fault == "hang":
            await asyncio.sleep(60)
            return False
        if fault == "slow":
            await asyncio.sleep(self.random.choice([0.02, 0.1, 0.3, 0.8]))
        writer.write(response(200, '{"UnprocessedTraceSegments":[]}'))
        return True

    def receive(self, texts, accepted):
        self.documents += len(texts)
        for text in texts:
            document = json.loads(text)
            if document["name"] != "soak":
                self.others.add(document["id"])
                continue
            version = (int(document["id"], 16), "in_progress" in document)
            if version[1]:
                self.late_in_progress += version[0] in self.complete
            elif accepted:
                self.complete.add(version[0])
            if accepted:
                self.accepted.add(version)

    def close_connections(self):
        for writer in list(self.writers):
            writer.transport.abort()


class Function:
    """Sends as the wrapper does, over the stream or UDP, or as another SDK, without a signal."""

    def __init__(self, chance, address):
        self.random = chance
        self.address = address
        self.udp = self.open_udp()
        self.counting_udp = self.open_udp()
        self.stream = None
        self.counts = {"stream": 0, "counting": 0}
        self.sent = set()
        self.invalid = 0

    def open_udp(self):
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.connect(self.address)
        return udp

    async def send(self, kind, datagram):
        if kind == "stream":
            if self.stream is None:
                host, port = self.address
                self.stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self.stream.connect(f"\0xray-lambda/1/{host}:{port}")
                self.stream.setblocking(False)
            frame = struct.pack(">I", len(datagram)) + datagram
            await asyncio.get_running_loop().sock_sendall(self.stream, frame)
        else:
            (self.counting_udp if kind == "counting" else self.udp).send(datagram)

    async def send_document(self, kind):
        number = len(self.sent) + 1
        padding = "x" * self.random.choice([0, 200, 600, 600, 2_000, 12_000])
        in_progress = self.random.random() < 0.1
        for version in [True, False] if in_progress else [False]:
            document = {
                "id": f"{number:016x}", "name": "soak", "trace_id": TRACE, "type": "subsegment",
                "parent_id": "53995c3f42cd8ad8", "start_time": 1733337522.1,
                "metadata": {"a": {"b": padding}},
            }  # fmt: skip
            document |= {"in_progress": True} if version else {"end_time": 1733337522.2}
            self.sent.add((number, version))
            await self.send_datagram(kind, HEADER + json.dumps(document).encode())

    async def send_invalid(self, kind):
        self.invalid += 1
        await self.send_datagram(kind, HEADER + b'{"id":"53995c3f42cd8ad8"}')

    async def send_datagram(self, kind, datagram):
        if kind in self.counts:
            self.counts[kind] += 1
        await self.send(kind, datagram)

    async def send_signal(self, kind, request_id):
        done = {"done": request_id}
        if kind in self.counts:
            done["documents"] = self.counts[kind]
        await self.send(kind, SIGNAL_HEADER + json.dumps(done).encode())

    def close(self):
        for open_socket in (self.udp, self.counting_udp, self.stream):
            if open_socket is not None:
                open_socket.close()


class Environment:
    """An execution environment: the extension's process with a strategy, from init to SHUTDOWN."""

    def __init__(self, program, strategy, seed, progress):
        self.program = program
        self.strategy = strategy
        self.random = random.Random(f"{seed} function {strategy}")
        self.xray = XRay(f"{seed} xray {strategy}")
        self.platform = Lambda()
        self.progress = progress
        self.resident = []
        self.failures = []
        self.log = ""
        self.holds = []
        self.stopped = 0.0
        self.telemetry = None

    async def run(self, invocations):
        servers = [
            await asyncio.start_server(part.serve, "127.0.0.1", 0, limit=1 << 22)
            for part in (self.platform, self.xray)
        ]
        runtime_api, xray = ("%s:%d" % server.sockets[0].getsockname() for server in servers)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            intake = free.getsockname()
        self.function = Function(self.random, intake)
        variables = {
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": "soak",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret-example",
            "AWS_ENDPOINT_URL_XRAY": f"http://{xray}",
            "AWS_XRAY_DAEMON_ADDRESS": "%s:%d" % intake,
            "XRAY_LAMBDA_BUFFER_BYTES": str(BUFFER_BYTES),
            "XRAY_LAMBDA_FLUSH_STRATEGY": self.strategy,
            "XRAY_LAMBDA_FLUSH_TIMEOUT_MS": str(int(FLUSH_TIMEOUT * 1_000)),
            "XRAY_LAMBDA_TEST_RECEIVE_BUFFER_BYTES": str(STANDARD_RECEIVE_BUFFER_BYTES),
        }
        with tempfile.TemporaryFile() as log:
            self.process = subprocess.Popen([self.program], env=variables, stderr=log)
            try:
                called, connection = await self.platform.next_called(MAX_WAIT)
                for number in range(invocations):
                    if number % 50 == 0:
                        self.xray.next_phase()
                    if number % 20 == 0:
                        self.resident.append(self.resident_bytes())
                    connection = await self.invoke(number, connection)
                    self.progress.step(self)
                await self.shut_down(connection)
            finally:
                self.process.kill()
                self.process.wait()
                self.function.close()
                for server in servers:
                    server.close()
                log.seek(0)
                self.log = log.read().decode()
        self.check(invocations)

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{self.program.memory}:\s*(\d+)", status)[1]) * 1024

    async def freeze(self, seconds):
        begun = time.monotonic()
        self.process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        if self.random.random() < 0.2:
            self.xray.close_connections()
        return begun

    def thaw(self, begun):
        self.process.send_signal(signal.SIGCONT)
        self.stopped += time.monotonic() - begun

    def freeze_seconds(self):
        """Mostly short. After a freeze of a second, the extension doubts its connections."""
        return 1.1 if self.random.random() < 0.02 else self.random.choice([0.0, 0.0, 0.001, 0.005, 0.02])

    async def invoke(self, number, connection):
        chance = self.random
        request_id = f"r-{number}"
        frozen = await self.freeze(self.freeze_seconds()) if chance.random() < 0.1 else None
        is_reported = chance.random() >= 0.002
        sampled = int(chance.random() >= 0.1)
        timeout = FUNCTION_TIMEOUT if is_reported else SHORT_TIMEOUT
        begun = time.monotonic()
        self.stopped = 0.0
        event = {
            "eventType": "INVOKE", "requestId": request_id,
            "deadlineMs": int((time.time() + timeout) * 1_000), "invokedFunctionArn": "arn",
            "tracing": {
                "type": "X-Amzn-Trace-Id",
                "value": f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled={sampled}",
            },
        }  # fmt: skip
        connection.write(response(200, json.dumps(event)))
        if frozen:
            self.thaw(frozen)
        kind = chance.choice(["stream", "stream", "counting", "udp", "other SDK"])
        freeze_at = chance.randrange(8) if chance.random() < 0.05 else None
        frozen = None
        for position in range(chance.choice([0, 1, 2, 3, 5]) if sampled else 0):
            if position == freeze_at:
                frozen = await self.freeze(self.freeze_seconds())
            await self.function.send_document(kind)
        if chance.random() < 0.01:
            await self.function.send_invalid(kind)
        if is_reported and kind != "other SDK":
            await self.function.send_signal(kind, request_id)
        if frozen:
            self.thaw(frozen)
        if is_reported:
            await self.post_telemetry(request_id, sampled)
        ended = time.monotonic()
        called, connection = await self.platform.next_called(MAX_WAIT)
        # If nobody reports the end, /next is due 100 ms before the deadline.
        limit = FLUSH_TIMEOUT if is_reported else max(0.0, begun + timeout - ended)
        self.holds.append(max(0.0, called - ended))
        if called - ended > limit + ALLOWANCE:
            self.failures.append(f"{request_id} was held for {called - ended:.2f} s after its end")
        return connection

    async def post_telemetry(self, request_id, sampled):
        """Posts what the platform reports of an invocation, on one connection."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
        start = {"requestId": request_id, "version": "1"}
        if sampled:
            header = f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"
            start["tracing"] = {"spanId": "54565fb41ac79632", "type": "X-Amzn-Trace-Id", "value": header}
        spans = [{"name": "responseLatency", "start": at, "durationMs": 1.5}]
        done = {"requestId": request_id, "status": "success", "spans": spans}
        events = [("platform.start", start), ("platform.runtimeDone", done)]
        body = json.dumps([{"time": at, "type": kind, "record": record} for kind, record in events])
        if self.telemetry is None:
            self.telemetry = await asyncio.open_connection("127.0.0.1", self.platform.telemetry_port)
        reader, writer = self.telemetry
        writer.write(f"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        await reader.readuntil(b"\r\n\r\n")

    async def shut_down(self, connection):
        deadline = time.time() + SHUTDOWN_TIMEOUT
        event = {"eventType": "SHUTDOWN", "shutdownReason": "SPINDOWN", "deadlineMs": int(deadline * 1_000)}
        connection.write(response(200, json.dumps(event)))
        while self.process.poll() is None:
            if time.time() > deadline + ALLOWANCE:
                raise Failure("the extension did not exit after SHUTDOWN")
            await asyncio.sleep(0.005)

    def check(self, invocations):
        """Compares the account with what was sent and with what X-Ray received."""
        lines = [json.loads(line) for line in self.log.splitlines()]
        accounts = [line["documents"] for line in lines if "documents" in line]
        self.messages = {line["message"] for line in lines if "documents" not in line}
        if len(accounts) != 1:
            self.failures.append(f"the log has {len(accounts)} accounts: {self.log}")
            return
        self.account = account = accounts[0]
        xray, function, lambda_ = self.xray, self.function, self.platform
        at_xray = len(xray.accepted) + len(xray.others)
        # Datagrams that were lost before the extension read them.
        unread = account["dropped_by_kernel"] + account["dropped_by_wrapper"]
        lost = account["dropped"] + unread
        sent = len(function.sent) + function.invalid
        from_telemetry = account["received"] + unread - sent
        ends = ("sent", "rejected", "dropped", "replaced", "filtered")
        missing = function.sent - xray.accepted
        missing_complete = sum(not in_progress for _, in_progress in missing)
        valid_rejections = account["rejected"] - function.invalid
        self.grown = self.growth()
        claims = [
            ("the account does not balance",
             account["received"] == sum(account[end] for end in ends) and account["buffered"] == 0),
            (f"of {sent} datagrams and {len(xray.others)} or more documents from telemetry, not each is counted",
             len(xray.others) <= from_telemetry <= len(xray.others) + account["dropped"]),
            (f"{function.invalid} datagrams were invalid, and others are rejected, or these are not",
             -unread <= valid_rejections <= 0),
            (f"X-Ray has accepted {at_xray} documents, and more count as sent", account["sent"] <= at_xray),
            (f"{len(missing)} documents are missing, {missing_complete} of them complete, and not each is counted",
             missing_complete <= lost and len(missing) <= lost + account["replaced"]),
            (f"{xray.late_in_progress} in-progress versions came after their complete versions",
             xray.late_in_progress == 0),
            (f"/next was called {lambda_.next_calls} times for {invocations + 1} events",
             lambda_.next_calls == invocations + 1 and lambda_.early_next_calls == 0),
            (f"{max(self.resident) >> 10} kB of memory are over the limit of {MAX_RESIDENT_BYTES >> 10} kB",
             max(self.resident) <= MAX_RESIDENT_BYTES),
            (f"memory grew by {self.grown >> 10} kB", self.grown <= MAX_GROWTH_BYTES),
            ("the log reports a bug", not any("bug at" in message for message in self.messages)),
            (f"the exit status is {self.process.returncode}", self.process.returncode == 0),
        ]  # fmt: skip
        self.failures += [f"{claim}; {account}" for claim, holds in claims if not holds]

    def growth(self):
        """Returns the bytes by which memory grew from the second quarter to the last."""
        quarter = len(self.resident) // 4
        if quarter == 0:
            return 0
        second, last = self.resident[quarter : 2 * quarter], self.resident[-quarter:]
        return int(statistics.median(last) - statistics.median(second))

    def report(self):
        account, xray = self.account, self.xray
        answers = ", ".join(f"{kind} {count}" for kind, count in sorted(xray.answers.items(), key=str))
        holds = sorted(self.holds)
        print(
            f"{self.strategy}: {len(holds)} invocations, {account['received']} documents:"
            f" {account['sent']} sent, {account['dropped']} dropped, {account['replaced']} replaced,"
            f" {account['rejected']} rejected, {account['dropped_by_kernel']} dropped by the kernel;"
            f" X-Ray received {xray.documents}\n"
            f"  X-Ray's answers: {answers}\n"
            f"  held after the end: median {holds[len(holds) // 2] * 1e3:.2f} ms,"
            f" 99 % below {holds[len(holds) * 99 // 100] * 1e3:.0f} ms, longest {holds[-1] * 1e3:.0f} ms\n"
            f"  memory ({self.program.memory}): {min(self.resident) >> 10} to {max(self.resident) >> 10} kB,"
            f" last quarter against the second {self.grown // 1024:+} kB"
        )


class Program(str):
    """The path of the extension."""

    @property
    def memory(self):
        """The line of /proc/PID/status with its memory. The pages of its own file count only if it
        is built for the layer."""
        return "VmRSS" if os.path.getsize(self) < MAX_RESIDENT_BYTES // 2 else "RssAnon"


def default_program():
    """Returns the layer's program if `make layer` has built it, and builds a debug one otherwise."""
    machine = "arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"
    layer = ROOT / f"dist/layer-{machine}/extensions/xray-lambda-extension"
    if layer.exists():
        return layer
    build = ["cargo", "build", "--locked", "-p", "xray-lambda-extension", "--message-format", "json-render-diagnostics"]
    built = subprocess.run(build, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if built.returncode != 0:
        sys.exit("soak: the build failed; the output of cargo is above")
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return next(program for message in messages if (program := message.get("executable")))


class Progress:
    def __init__(self, total):
        self.total = total
        self.done = 0
        self.begun = self.shown = time.monotonic()

    def step(self, environment):
        self.done += 1
        now = time.monotonic()
        if sys.stdout.isatty() and now - self.shown >= 10:
            self.shown = now
            left = (now - self.begun) / self.done * (self.total - self.done)
            print(
                f"{self.done} of {self.total} invocations, {environment.strategy},"
                f" {environment.resident[-1] >> 10} kB, {left:.0f} s left",
                flush=True,
            )


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", help="the extension; by default of dist/, else a debug build")
    parser.add_argument("--invocations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, help="chosen at random and printed by default")
    chosen = parser.parse_args()
    if chosen.invocations < len(STRATEGIES):
        parser.error(f"--invocations must be at least {len(STRATEGIES)}, one for each strategy")
    return chosen


def main():
    chosen = arguments()
    program = Program(chosen.program or default_program())
    seed = chosen.seed if chosen.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"soak: {chosen.invocations} invocations of {program}, SEED={seed}", flush=True)
    progress = Progress(chosen.invocations)
    failed = False
    for strategy in STRATEGIES:
        environment = Environment(program, strategy, seed, progress)
        try:
            asyncio.run(environment.run(chosen.invocations // len(STRATEGIES)))
        except (Failure, EOFError, OSError) as failure:
            environment.failures.append(f"{failure}; the extension's log: {environment.log}")
        if hasattr(environment, "account"):
            environment.report()
        for failure in environment.failures:
            print(f"  FAILED: {failure}")
        sys.stdout.flush()
        failed = failed or bool(environment.failures)
    minutes = (time.monotonic() - progress.begun) / 60
    print(f"soak: {'failed' if failed else 'passed'} in {minutes:.1f} minutes; SEED={seed}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
