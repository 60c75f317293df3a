"""A proxy in front of an emulator that makes it fail as Google Cloud does: refusals, breaks, silence, lost answers.

    with CloudProxy(cloud.bigquery_url) as proxy:
        proxy.set(rate=0.3, seed=1)                          # a third of all requests fails, at most twice in a row
        proxy.rule = lambda asked: "lost" if asked.kind == "insert" and asked.number == 1 else ""
        ...                                                  # run against proxy.url
        proxy.asked                                          # what was asked, and with what fault it was answered

Faults: a status with Google's own error body (429, 500, 503, 502 with a page instead of JSON, rateLimitExceeded,
jobRateLimitExceeded, quotaExceeded), `reset` and `close` before anything is done, `hang`, `lost` (done, but the answer
never comes), `lost_503` (done, but the answer says it failed), `aborted` (a query job that fails as a transaction does
when another one was faster). What is dealt for a request hangs on seed, address and how often it was asked, not on
the order of threads.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# Fault -> status, reason, message.
REFUSALS = {
    "forbidden": (403, "forbidden", "someone@example.org does not have storage.buckets.get access to the bucket."),
    "429": (429, "rateLimitExceeded", "The rate of change requests to the object exceeds the rate limit."),
    "500": (500, "internalError", "An internal error occurred and the request could not be completed."),
    "503": (503, "backendError", "We're sorry, but there was an error; please try again."),
    "504": (504, "", "Gateway Timeout"),
    "rateLimitExceeded": (403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method"),
    "jobRateLimitExceeded": (400, "jobRateLimitExceeded", "Job exceeded rate limits: too many concurrent jobs"),
    "quotaExceeded": (403, "quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends per table."),
}
_UNMET = (
    412, [("Content-Type", "application/json; charset=UTF-8")],
    b'{"error": {"code": 412, "message": "At least one of the pre-conditions you specified did not hold.", "errors": [{"reason": "conditionNotMet"}]}}',
)  # fmt: skip
PAGE = b"<!DOCTYPE html><html><title>Error 502 (Server Error)!!1</title><p>The server encountered a temporary error.</html>"
STORAGE_FAULTS = ("429", "500", "503", "502", "504", "reset", "close", "hang", "lost", "lost_503")
BIGQUERY_FAULTS = ("500", "503", "502", "rateLimitExceeded", "reset", "close", "hang", "lost", "lost_503")
# (what a request is for, method, pattern of its path); the first that fits.
KINDS = (
    ("upload", "POST", r"/upload/"), ("upload", "PUT", r"/"), ("list", "GET", r"/storage/v1/b/[^/]+/o$"),
    ("copy", "POST", r"/storage/.*/(rewriteTo|copyTo)/"), ("patch", "PATCH", r"/storage/"), ("object", "GET", r"/storage/"),
    ("insert", "POST", r"/projects/[^/]+/jobs$"), ("poll", "GET", r"/projects/[^/]+/jobs/"), ("query", "POST", r"/queries$"),
    ("results", "GET", r"/queries/"), ("table", "", r"/tables"), ("dataset", "GET", r"/datasets/[^/]+$"),
)  # fmt: skip


@dataclass
class Asked:
    """One request. number: of its kind, method and path, from 1. fault: with what it was answered, "" for rightly."""

    kind: str
    method: str
    path: str
    body: bytes
    number: int
    time: float
    fault: str = ""

    @property
    def job(self) -> dict[str, Any]:
        """The job that an insert asks for; {} for other requests."""
        return json.loads(self.body) if self.kind == "insert" else {}

    @property
    def job_id(self) -> str:
        return str(self.job.get("jobReference", {}).get("jobId", ""))


class CloudProxy:
    """The proxy; a context manager. rule: what fault a request gets, "" for none; asked before the dice."""

    def __init__(self, upstream: str, faults: tuple[str, ...] = (), hang_seconds: float = 2.0) -> None:
        self.upstream = urllib.parse.urlsplit(upstream)
        self.faults = faults or (BIGQUERY_FAULTS if "bigquery" in upstream else STORAGE_FAULTS)
        self.hang_seconds = hang_seconds
        self.rate, self.seed, self.in_a_row = 0.0, 0, 2
        self.rule: Callable[[Asked], str] = lambda _asked: ""
        self.before: Callable[[Asked], None] = lambda _asked: None
        # The storage emulator reads the content of a copy's source later than its generation, and does not look
        # whether the copy is there already. Strict, the proxy makes of both what Google does.
        self.strict = False
        self.writing = threading.Lock()
        self.asked: list[Asked] = []
        self._numbers: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._server: _Server | None = None

    def __enter__(self) -> CloudProxy:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def set(self, rate: float, seed: int = 0, faults: tuple[str, ...] = ()) -> None:
        """From now on this share of the requests fails."""
        with self._lock:
            self.rate, self.seed, self.faults = rate, seed, faults or self.faults
            self._numbers.clear()
            self._failed.clear()

    def injected(self) -> Counter[str]:
        """How often each fault was dealt."""
        with self._lock:
            return Counter(asked.fault for asked in self.asked if asked.fault)

    def inserts(self) -> list[str]:
        """The ids of the jobs that were asked for, as often as they were."""
        with self._lock:
            return [asked.job_id for asked in self.asked if asked.kind == "insert"]

    def note(self, method: str, path: str, body: bytes) -> Asked:
        """Log a request and deal its fault."""
        place = path.partition("?")[0]
        kind = next((name for name, verb, pattern in KINDS if verb in ("", method) and re.search(pattern, place)), "other")
        with self._lock:
            # Where ids are in the body the same address is asked for many things.
            key = f"{method} {path} {zlib.crc32(body) if kind != 'query' else ''}"
            self._numbers[key] += 1
            asked = Asked(kind, method, path, body, self._numbers[key], time.time())
            self.asked.append(asked)
            dice = zlib.crc32(f"{self.seed} {key} {asked.number}".encode())
            asked.fault = self.rule(asked)
            if not asked.fault and self.faults and dice % 10_000 < self.rate * 10_000 and self._failed[key] < self.in_a_row:
                self._failed[key] += 1
                asked.fault = self.faults[(dice >> 14) % len(self.faults)]
            elif not asked.fault:
                self._failed[key] = 0
        self.before(asked)
        return asked


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """The log is CloudProxy.asked."""

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self._body()
        asked = proxy.note(self.command, self.path, body)
        fault = asked.fault
        if fault in REFUSALS:
            self._refuse(*REFUSALS[fault])
        elif fault == "502":
            self._send(502, [("Content-Type", "text/html")], PAGE)
        elif fault == "aborted":
            self._fail_job(asked.job)
        elif fault in ("reset", "close"):
            self._drop(reset=fault == "reset")
        elif fault == "hang":
            time.sleep(proxy.hang_seconds)
            self._drop()
        else:
            if proxy.strict and self.command != "GET":
                with proxy.writing:
                    status, headers, answer = self._forward(body) if self._may_write(asked) else _UNMET
            else:
                status, headers, answer = self._forward(body)
            if fault == "lost":
                self._drop()
            elif fault == "lost_503":
                self._refuse(*REFUSALS["503"])
            else:
                self._send(status, headers, answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().strip() or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _may_write(self, asked: Asked) -> bool:
        """Whether the emulator would be right to do it: not a copy to a place that should be empty and is not."""
        if asked.kind != "copy" or "ifGenerationMatch=0" not in asked.path:
            return True
        target = re.split("/(?:rewriteTo|copyTo)", asked.path.partition("?")[0])[1]
        connection = http.client.HTTPConnection(self.server.proxy.upstream.netloc, timeout=600)
        with contextlib.closing(connection):
            connection.request("GET", f"/storage/v1{target}", headers={"Authorization": self.headers.get("Authorization", "")})
            return connection.getresponse().status == 404

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = self.server.proxy.upstream
        skipped = {"host", "connection", "transfer-encoding", "content-length"}
        headers = {name: value for name, value in self.headers.items() if name.lower() not in skipped}
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=600)
        try:
            connection.request(self.command, self.path, body, headers | {"Host": upstream.netloc})
            answer = connection.getresponse()
            # Resumable uploads are told where to go on.
            back = [(name, value.replace(upstream.geturl(), self.server.proxy.url)) for name, value in answer.getheaders()]
            return answer.status, back, answer.read()
        except OSError:
            return 503, [("Content-Type", "application/json")], b'{"error": {"code": 503, "message": "the emulator is gone"}}'
        finally:
            connection.close()

    def _refuse(self, status: int, reason: str, message: str) -> None:
        error: dict[str, Any] = {"code": status, "message": message}
        if reason:
            error["errors"] = [{"message": message, "domain": "global", "reason": reason}]
        self._send(status, [("Content-Type", "application/json; charset=UTF-8")], json.dumps({"error": error}).encode())

    def _fail_job(self, job: dict[str, Any]) -> None:
        """The job ends at once, and not well; the emulator never hears of it."""
        problem = {
            "reason": "invalidQuery", "location": "query",
            "message": "Transaction is aborted due to concurrent update against table p:d.t. Transaction ID: 0123",
        }  # fmt: skip
        job |= {"id": "made-up", "status": {"state": "DONE", "errorResult": problem, "errors": [problem]}, "statistics": {}}
        self._send(200, [("Content-Type", "application/json")], json.dumps(job).encode())

    def _send(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drop(self, reset: bool = False) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR) if not reset else self.connection.close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512
    proxy: CloudProxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)
