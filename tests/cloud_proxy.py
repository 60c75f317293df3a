"""A proxy in front of an emulator that makes it fail as Google Cloud does: refusals, breaks, silence, lost answers.

    with CloudProxy(cloud.bigquery_url) as proxy:
        proxy.set(rate=0.3, seed=1)                          # a third of all requests fails, at most twice in a row
        proxy.rule = lambda asked: "lost" if asked.kind == "insert" and asked.number == 1 else ""
        ...                                                  # run against proxy.url
        proxy.asked                                          # what was asked, and with what fault it was answered

Faults: a status with Google's own error body (429, 500, 503, 502 with a page instead of JSON, rateLimitExceeded,
jobRateLimitExceeded, quotaExceeded), `reset` and `close` before anything is done, `hang`, `lost` (done, but the answer
never comes), `lost_503` (done, but the answer says it failed), `aborted` (a query job that fails as a transaction does
when another one was faster), `cut` (done, but the answer breaks off), `foreign` (another account has a job of that id:
409, and 403 for looking at it), and the names in REFUSALS and JOB_ERRORS. What is dealt for a request hangs on seed,
address and how often it was asked, not on the order of threads.

What the emulators let pass and Google does not, the proxy refuses on its own:

    proxy.denied = {"storage.objects.delete"}                # permissions that the account does not have
    proxy.refuses_safe_json = True                           # SQL that calls SAFE.JSON_VALUE or its like
    proxy.strict = True                                      # generations hold for copies and resumable uploads too
    proxy.once_a_second = True                               # so often an object may be written
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import struct
import threading
import time
import urllib.parse
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import quiet_server

# Fault -> status, reason, message.
REFUSALS = {
    "forbidden": (403, "forbidden", "someone@example.org does not have storage.buckets.get access to the bucket."),
    "429": (429, "rateLimitExceeded", "The rate of change requests to the object exceeds the rate limit."),
    "500": (500, "internalError", "An internal error occurred and the request could not be completed."),
    "503": (503, "backendError", "We're sorry, but there was an error; please try again."),
    "504": (504, "", "Gateway Timeout"),
    "rateLimitExceeded": (403, "rateLimitExceeded", "Exceeded rate limits: too many api requests per user per method"),
    "jobRateLimitExceeded": (400, "jobRateLimitExceeded", "Job exceeded rate limits: too many concurrent jobs"),
    "401": (401, "authError", "Request had invalid authentication credentials. Expected OAuth 2 access token."),
    "scopes": (403, "insufficientPermissions", "Request had insufficient authentication scopes."),
    "vpc": (403, "vpcServiceControls", "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: AbC"),
    "accessNotConfigured": (403, "accessNotConfigured", "BigQuery API has not been used in project 1 before or it is disabled."),
    "accountDisabled": (403, "accountDisabled", "The billing account for the owning project is disabled in state absent"),
    "billingNotEnabled": (
        403, "billingNotEnabled",
        "Billing has not been enabled for this project. Enable billing at https://console.cloud.google.com/billing. "
        "DML queries are not allowed in the free tier. Set up a billing account to remove this restriction.",
    ),
    "requesterPays": (400, "required", "Bucket is a requester pays bucket but no user project provided."),
    "retention": (
        403, "retentionPolicyNotMet",
        "Object '{object}' is subject to bucket's retention policy or object retention and cannot be deleted or overwritten until 2030-01-01T00:00:00Z",
    ),
    "hold": (403, "objectUnderActiveHold", "Object '{object}' is under active Temporary hold and cannot be deleted, overwritten or archived until hold is removed."),
    "kms": (403, "forbidden", "Permission denied on Cloud KMS key. Please ensure that your Cloud Storage service account has been authorized to use this key."),
    "resourcesExceeded": (400, "resourcesExceeded", "Resources exceeded during query execution: The query could not be executed in the allotted memory."),
    "quotaExceeded": (403, "quotaExceeded", "Quota exceeded: Your table exceeded quota for imports or query appends per table."),
}
# Jobs that end badly. Fault -> reason, message.
JOB_ERRORS = {
    "aborted": ("invalidQuery", "Transaction is aborted due to concurrent update against table p:d.t. Transaction ID: 0123"),
    "job_accessDenied": ("accessDenied", "Access Denied: File {uri}: Access Denied"),
    "job_kms": ("accessDenied", "Access Denied: File {uri}: Permission denied on Cloud KMS key."),
    "job_notFound": ("notFound", "Not found: URI {uri}"),
    "job_billingNotEnabled": ("billingNotEnabled", "Billing has not been enabled for this project. DML queries are not allowed in the free tier."),
    "job_billingTierLimitExceeded": ("billingTierLimitExceeded", "Query exceeded resource limits for tier 1. Tier 3 or higher required."),
    "job_blocked": ("blocked", "BigQuery has temporarily denylisted the operation of {uri}."),
    "job_locations": ("invalid", "Cannot read and write in different locations: source: US, destination: europe-west2"),
    "job_resourcesExceeded": ("resourcesExceeded", "Resources exceeded during query execution: too much of {uri}"),
    "job_invalid": ("invalid", "Error while reading data, error message: {uri} is no text"),
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
        self.strict = self.once_a_second = self.refuses_safe_json = False
        self.denied: set[str] = set()
        self.foreign: set[str] = set()
        self.written: dict[str, float] = {}
        self.sessions: dict[str, tuple[str, str]] = {}
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


class _Handler(quiet_server.Handler):
    server: _Server
    _session = ("", "")

    def _serve(self) -> None:
        proxy = self.server.proxy
        body = self._body()
        asked = proxy.note(self.command, self.path, body)
        fault = asked.fault
        if not fault and (refusal := self._forbidden(asked)):
            if isinstance(refusal[0], str):
                self._fail_job(asked.job, *refusal)
            else:
                self._refuse(*refusal)
        elif not fault and proxy.once_a_second and self._too_soon(asked):
            self._refuse(*REFUSALS["429"])
        elif "/iam/testPermissions" in self.path and not fault:
            names = [value for name, value in urllib.parse.parse_qsl(self.path.partition("?")[2]) if name == "permissions"]
            self._json({"kind": "storage#testIamPermissionsResponse", "permissions": [n for n in names if n not in proxy.denied]})
        elif ":testIamPermissions" in self.path and not fault and proxy.denied:
            self._json({"permissions": [name for name in json.loads(body)["permissions"] if name not in proxy.denied]})
        elif fault in REFUSALS:
            status, reason, message = REFUSALS[fault]
            self._refuse(status, reason, message.replace("{object}", f"bucket/object-{zlib.crc32(body)}"))
        elif fault == "foreign" or self.path.rpartition("/jobs/")[2].partition("?")[0] in proxy.foreign:
            self._refuse_foreign(asked)
        elif fault == "502":
            self.send(502, [("Content-Type", "text/html")], PAGE)
        elif fault in JOB_ERRORS:
            self._fail_job(asked.job, *JOB_ERRORS[fault])
        elif fault in ("reset", "close"):
            self._drop(reset=fault == "reset")
        elif fault == "hang":
            time.sleep(proxy.hang_seconds)
            self._drop()
        else:
            if proxy.strict and self.command != "GET":
                with proxy.writing:
                    status, headers, answer = self._forward(body) if self._may_write(asked) else _UNMET
                    self._note_session(asked, dict(headers))
            else:
                status, headers, answer = self._forward(body)
            if fault == "lost":
                self._drop()
            elif fault == "cut":
                self.send(status, headers, answer[: len(answer) // 2])
            elif fault == "lost_503":
                self._refuse(*REFUSALS["503"])
            else:
                self.send(status, headers, answer)

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
        """Whether the emulator would be right to do it: not a copy to a place that holds another generation than it should."""
        if asked.kind == "upload":
            return self._may_upload(asked)
        wanted = re.search(r"[?&]ifGenerationMatch=(\d+)", asked.path)
        if asked.kind != "copy" or not wanted:
            return True
        target = re.split("/(?:rewriteTo|copyTo)", asked.path.partition("?")[0])[1]
        return self._generation(target) == int(wanted[1])

    def _too_soon(self, asked: Asked) -> bool:
        """Whether the object was written within the last second. Only what is really done counts."""
        name = ""
        if asked.kind == "upload" and b'"name"' in asked.body[:4_000]:
            found = re.search(rb'"name": ?"([^"]+)"', asked.body[:4_000])
            name = found[1].decode() if found else ""
        elif asked.kind == "patch":
            name = urllib.parse.unquote(asked.path.partition("?")[0].partition("/o/")[2])
        now, written = time.monotonic(), self.server.proxy.written
        if not name or "uploadType=resumable" in asked.path:
            return False
        if now - written.get(name, -9.0) < 1.0:
            asked.fault = "429"
            return True
        written[name] = now
        return False

    def _note_session(self, asked: Asked, headers: dict[str, str]) -> None:
        if asked.method == "POST" and "uploadType=resumable" in asked.path and (place := {name.lower(): value for name, value in headers.items()}.get("location")):
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(place).query))
            self.server.proxy.sessions[query["upload_id"]] = self._session

    def _generation(self, place: str) -> int:
        """The generation of the object at /b/BUCKET/o/NAME; 0 where there is none."""
        connection = http.client.HTTPConnection(self.server.proxy.upstream.netloc, timeout=600)
        with contextlib.closing(connection):
            connection.request("GET", f"/storage/v1{place}", headers={"Authorization": self.headers.get("Authorization", "")})
            answer = connection.getresponse()
            return int(json.loads(answer.read())["generation"]) if answer.status == 200 else 0

    def _may_upload(self, asked: Asked) -> bool:
        """Whether a resumable upload still meets its condition when its last piece comes."""
        query = dict(urllib.parse.parse_qsl(asked.path.partition("?")[2]))
        sessions = self.server.proxy.sessions
        if asked.method == "POST" and query.get("uploadType") == "resumable":
            name = query.get("name") or json.loads(asked.body)["name"]
            bucket = asked.path.partition("/b/")[2].partition("/")[0]
            self._session = (f"/b/{bucket}/o/{urllib.parse.quote(name, safe='')}", query.get("ifGenerationMatch", ""))
        elif asked.method == "PUT" and query.get("upload_id") in sessions:
            place, generation = sessions[query["upload_id"]]
            return not generation or self._generation(place) == int(generation)
        return True

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
        self.send(status, [("Content-Type", "application/json; charset=UTF-8")], json.dumps({"error": error}).encode())

    def _json(self, value: object) -> None:
        self.send(200, [("Content-Type", "application/json; charset=UTF-8")], json.dumps(value).encode())

    def _refuse_foreign(self, asked: Asked) -> None:
        """Another account's job: its id is taken, and only that account may look at it."""
        if asked.kind == "insert":
            self.server.proxy.foreign.add(asked.job_id)
            self._refuse(409, "duplicate", f"Already Exists: Job p:europe-west2.{asked.job_id}")
        else:
            self._refuse(403, "accessDenied", "Access Denied: Job p:j: The user does not have permission bigquery.jobs.get on it")

    def _forbidden(self, asked: Asked) -> tuple[Any, ...] | None:
        """How Google says no to a request that wants a permission which is denied: as an answer, or as a job's end."""
        denied = self.server.proxy.denied
        if self.server.proxy.refuses_safe_json and asked.kind in ("insert", "query") and (called := re.search(rb"SAFE\.(JSON_[A-Z]+)", asked.body)):
            return 400, "invalidQuery", f"SAFE with function {called[1].decode().lower()} is not supported."
        if not denied:
            return None
        from google_rules import wanted

        name = min(wanted(asked) & denied, default="")
        if not name:
            return None
        if asked.kind == "insert" and name != "bigquery.jobs.create" and not asked.job["configuration"].get("dryRun"):
            what = "File {uri}" if name.startswith("storage.") else "Table p:d.t"
            return "accessDenied", f"Access Denied: {what}: Permission {name} denied on it (or it may not exist)."
        if name.startswith("storage."):
            return 403, "forbidden", f"someone@example.org does not have {name} access to the Google Cloud Storage object. Permission '{name}' denied on resource (or it may not exist)."
        return 403, "accessDenied", f"Access Denied: Project p: User does not have {name} permission in project p."

    def _fail_job(self, job: dict[str, Any], reason: str, message: str) -> None:
        """The job ends at once, and not well; the emulator never hears of it."""
        uris = job.get("configuration", {}).get("load", {}).get("sourceUris", ["query"])
        problem = {"reason": reason, "location": "query", "message": message.replace("{uri}", uris[0])}
        job |= {"id": "made-up", "status": {"state": "DONE", "errorResult": problem, "errors": [problem]}, "statistics": {}}
        self.send(200, [("Content-Type", "application/json")], json.dumps(job).encode())

    def _drop(self, reset: bool = False) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.shutdown(socket.SHUT_RDWR) if not reset else self.connection.close()


class _Server(quiet_server.Server):
    proxy: CloudProxy
