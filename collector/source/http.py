"""Asking the public APIs: one pooled session, one pace for all workers of a host, retries, limits.

Elexon Insights needs no key and states no rate limit except 429 in its specification; the Carbon Intensity API says
that it limits and may block applications that call very often. Neither documents Retry-After.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, NamedTuple, Protocol, TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from isal import isal_zlib

from collector.base.clock import Clock
from collector.base.deadline import Deadline, Session
from collector.base.errors import plain
from collector.base.gb_calendar import utc_now
from collector.base.names import USER_AGENT
from collector.base.process import Stop, log
from collector.base.text import longest_secret, printable, redacted
from collector.registry.model import SOURCES, Source
from collector.settings import THIS_MACHINE, Settings, is_near
from collector.source.errors import Refused, Unavailable, Unparsable, Unreadable, WindowTooLong, WrongAnswer
from collector.source.pace import Pace, Turns, turns_of
from collector.source.requests import Request

_AGENT = f"{USER_AGENT} (BMRS and NESO archive; requests)"
ATTEMPTS = 6
# So many requests in a row without a usable answer, and the API is down.
_DOWN = 3
# An answer that is well-formed but wrong is asked again this often before the window is cut.
_WRONG_ATTEMPTS = 4
# Being told to slow down is not a failure of the request; it gets more patience.
_REFUSED_ATTEMPTS = 20
# A host that has not answered yet and to which no connection comes about (no name, no route, nobody listens) is tried so
# often, or for so many seconds where each try takes long.
_CONNECT_ATTEMPTS, _CONNECT_PATIENCE = 4, 5.0
_BACKOFF_BASE, _BACKOFF_CAP, _RETRY_AFTER_CAP = 0.5, 10.0, 300.0
# So many seconds an API may tell to wait before one request is given up, and before all are that nothing was answered
# meanwhile. Within the last pause that it told, others are then given up without being sent.
_PATIENCE = 900.0
_CHUNK = 1 << 18
# So much of an error page is read, bytes.
_PAGE = 4_096
_RETRIED_STATUS = {408, 425, 429, 500, 502, 503, 504}
# What a connection, or what came over it, can fail with.
_NETWORK_ERRORS: tuple[type[BaseException], ...] = (
    requests.RequestException, urllib3.exceptions.HTTPError, OSError, isal_zlib.error,  # type: ignore[assignment]
)  # fmt: skip
T = TypeVar("T")
S = TypeVar("S", bound="Sink")
# Requests a second to a stand-in on this machine.
_NEAR = 100.0
# A file may be one redirect away, and that a second.
_HOPS = 2


class _Transient(Exception):
    """One attempt failed; the next may do better."""

    def __init__(self, cause: str, refused: bool = False, wait: float | None = None) -> None:
        super().__init__(cause)
        self.refused, self.wait = refused, wait


class _Unreached(_Transient):
    """No answer at all came, or only a part of one; is_cut_off: there was not even a connection."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(plain(error))
        reason = getattr(error.args[0] if error.args else None, "reason", error)
        reason = getattr(reason, "original_error", reason)  # of a proxy
        self.is_cut_off = isinstance(
            reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError
        )


class Traffic:
    """What was asked of an API: counts of requests and retries, bytes of bodies after decompression."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = self.retries = self.body_bytes = 0

    def add(self, requests: int = 0, retries: int = 0, body_bytes: int = 0) -> None:
        """Count more, from any thread."""
        with self._lock:
            self.requests += requests
            self.retries += retries
            self.body_bytes += body_bytes


class Api:
    """One of the two APIs. Safe to share between threads."""

    def __init__(
        self, base_url: str, *, cap: float, stop: Stop, connections: int, timeout: float = 60.0, delay: float = 0.0,
        key: str = "", attempts: int = ATTEMPTS, clock: Clock | None = None, redirects: str = "", turns: Turns | None = None,
        slow: str = "", slow_pace: Pace | None = None, blocks: bool = False,
    ) -> None:  # fmt: skip
        self._attempts, self._clock, self._redirects = attempts, clock, redirects
        # Paths of a lane of their own; whether the first refusal is the last request, and then why.
        self._slow, self._slow_pace, self._blocks, self._blocked = slow, slow_pace, blocks, ""
        self.base_url, self.pace, self._stop, self._timeout = base_url, Pace(cap, delay, stop, turns), stop, timeout
        self._session = Session(pool_connections=1, pool_maxsize=connections)
        self._session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": _AGENT})
        # Proxies as the environment says, but none to this machine itself.
        self._proxies = {"no_proxy": urlsplit(base_url).hostname or ""} if is_near(base_url) else {}
        if key:
            self._session.headers["X-API-Key"] = key
        self._lock = threading.Lock()
        self._failures = 0
        # Since when it tells to wait and answers nothing else.
        self._told: float | None = None
        self.has_answered = False
        self._last_cause, self._unreached = "", False

    @property
    def trouble(self) -> str:
        """What is the matter with an API that is down, as the last attempt of all told."""
        what = "cannot be reached" if self._unreached else "gives no usable answer"
        return f"the API at {self.base_url} {what} ({self._last_cause})"

    @property
    def down(self) -> bool:
        """Whether the API has stopped answering: several requests in a row had no usable answer at all."""
        return self._failures >= _DOWN

    def ask(
        self, request: Request, read: Callable[[Any], T], traffic: Traffic, body: Callable[[], Whole] | None = None
    ) -> T:
        """Send one GET until `read` accepts the body, and return what it makes of it. body: an empty one, for each attempt;
        without, a bytearray.

        A status by which the API says that it has nothing stands for an empty list. Raises WindowTooLong, Refused,
        WrongAnswer (asked again, still not what was asked for), Unreadable, Unavailable, Stopped.
        """
        return self._until_accepted(
            request, lambda: read(self._get(request, (body or _Memory)(), traffic).body), traffic
        )

    def fetch(self, request: Request, spool: BinaryIO, traffic: Traffic) -> File:
        """Send one GET until its body has come whole, into `spool`, however large: memory holds a piece of it. Raises what
        `ask` does, and OSError where the spool cannot be written."""
        return self._until_accepted(request, lambda: self._get(request, _Spool(spool), traffic).done(), traffic)

    def _until_accepted(self, request: Request, attempt: Callable[[], T], traffic: Traffic) -> T:
        failed = refused = wrong = cut_off = 0
        began = time.monotonic()
        told: float | None = None
        pace = self._slow_pace if self._slow_pace and re.match(self._slow, request.path) else self.pace
        while True:
            since = self._told
            if since is not None and time.monotonic() < pace.paused_until > since + _PATIENCE:
                self._note(answered=False)
                raise Unavailable(f"no usable answer: {self._last_cause}")
            started = pace.wait()
            if self._blocked:
                raise Refused(self._blocked)
            try:
                answer = self._answer(attempt)
            except WrongAnswer as error:
                wrong += 1
                # As text: the error itself would hold on to the body through its traceback.
                cause = str(error)
                if wrong >= _WRONG_ATTEMPTS:
                    self._note(answered=True)
                    raise
                wait = None
            except (_Transient, Unparsable) as error:
                cause, wait, now = str(error), getattr(error, "wait", None), time.monotonic()
                if getattr(error, "refused", False):
                    refused += 1
                    pace.slow_down(started, wait, now)
                    if self._blocks:
                        self._blocked = f"{urlsplit(self.base_url).hostname} says: {cause}. It blocks who goes on, so nothing more is asked; run again later"
                        raise Refused(self._blocked) from None
                    wait = wait or 0.0
                else:
                    failed += 1
                    cut_off += getattr(error, "is_cut_off", False) and not self.has_answered
                is_unreachable = cut_off >= _CONNECT_ATTEMPTS or (cut_off > 1 and now - began > _CONNECT_PATIENCE)
                told = now if told is None and wait is not None else told
                is_over = told is not None and wait is not None and self._is_over(told, now + wait)
                cause += f", and to wait for more than {_PATIENCE / 60:.0f} min in all" if is_over else ""
                # Once the API is known to be down, a short look is enough to see whether it is back.
                if (
                    is_over
                    or is_unreachable
                    or failed >= (2 if self.down else self._attempts)
                    or refused >= (2 if self.down else _REFUSED_ATTEMPTS)
                ):
                    self._note(answered=False, is_unreachable=is_unreachable)
                    self._last_cause, self._unreached = cause, isinstance(error, _Unreached)
                    if isinstance(error, Unparsable):
                        raise Unreadable(cause) from None
                    raise Unavailable(f"no usable answer after {failed + refused} attempts: {cause}") from None
            else:
                pace.answered()
                self._note(answered=True)
                return answer
            traffic.add(retries=1)
            log.debug("asking again (%s): %s", cause, request)
            if wait is None:
                wait = min(_BACKOFF_CAP, _BACKOFF_BASE * 2 ** (failed + wrong - 1)) * random.uniform(0.5, 1.0)
            self._stop.sleep(wait)

    def _is_over(self, told: float, until: float) -> bool:
        """Whether waiting until then is too long, where a request was told to wait at `told` (both of the monotonic clock)."""
        with self._lock:
            self._told = told if self._told is None else min(told, self._told)
            return until - self._told > _PATIENCE

    def _note(self, answered: bool, is_unreachable: bool = False) -> None:
        with self._lock:
            self.has_answered |= answered
            # Of a host that cannot be reached one request says what three say of others.
            self._failures = 0 if answered else max(self._failures + 1, _DOWN if is_unreachable else 0)
            self._told = None if answered else self._told

    def _answer(self, attempt: Callable[[], T]) -> T:
        try:
            return attempt()
        except MemoryError:
            raise WrongAnswer("the answer does not fit into memory") from None

    def _get(self, request: Request, sink: S, traffic: Traffic) -> S:
        """One attempt, whose body goes into `sink`. Raises _Transient, WindowTooLong, Refused, WrongAnswer."""
        began, url, query = time.monotonic(), self.base_url + request.path, request.query
        deadline = Deadline(self._timeout)
        traffic.add(requests=1)
        try:
            for hops in range(_HOPS + 1):
                with self._session.get(
                    url,
                    params=query,
                    stream=True,
                    timeout=(min(10.0, self._timeout), self._timeout),
                    allow_redirects=False,
                    proxies=self._proxies,
                    headers={"X-API-Key": None} if hops else None,
                ) as response:
                    if self._clock and not hops:
                        self._clock.note("API", response.headers.get("Date"))
                    if hops < _HOPS and (target := self._followed(url, response)):
                        url, query = target, {}
                        continue
                    if response.status_code == 403 and self._blocks and not hops:
                        self._blocked = f"{urlsplit(url).hostname} refuses all requests (403), so nothing more is asked; it may have blocked this address"
                        raise Refused(self._blocked)
                    if response.status_code == request.no_data:
                        sink.add(b"[]")
                        return sink
                    self._check_status(response)
                    sink.described(response.headers)
                    self._read(response, request.limit, deadline, sink)
                    break
        except _NETWORK_ERRORS as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                # Not the other failures of TLS: a connection that breaks in the handshake is one of them.
                raise Refused(
                    f"the certificate of {urlsplit(url).hostname} was not accepted ({plain(error)})"
                ) from None
            raise _Unreached(error) from None
        traffic.add(body_bytes=sink.size)
        log.debug("%d bytes in %.2f s: %s", sink.size, time.monotonic() - began, request)
        return sink

    def _followed(self, url: str, response: requests.Response) -> str:
        """Where a redirect leads, if the source may lead there; "" for none, and for one that is not followed."""
        if not 300 <= response.status_code < 400 or not self._redirects:
            return ""
        target = urljoin(url, response.headers.get("Location", "").strip())
        try:
            parts = urlsplit(target)
            host, is_safe = (
                parts.hostname or "",
                parts.scheme == "https" or bool(THIS_MACHINE.fullmatch(parts.hostname or "")),
            )
        except ValueError:
            return ""
        is_known = host == urlsplit(self.base_url).hostname or re.fullmatch(self._redirects, host)
        return target if is_safe and not parts.username and is_known else ""

    def _check_status(self, response: requests.Response) -> None:
        status = response.status_code
        if status == 200:
            return
        if status in _RETRIED_STATUS:
            # A connection is used again only when the answer, here an error page, was read to its end.
            with contextlib.suppress(*_NETWORK_ERRORS):
                response.raw.read(_PAGE, decode_content=False)
        if status == 429:
            raise _Transient("429, too many requests", True, _retry_after(response))
        if status in _RETRIED_STATUS:
            raise _Transient(f"status {status}", wait=_retry_after(response))
        if 300 <= status < 400:
            target = redacted(response.headers.get("Location", ""))[:200]
            raise Refused(f"redirected to {target!r}, which is not followed; set the base URL to the right address")
        # Some servers repeat the request in what they say of it, its headers too.
        page = response.raw.read(_PAGE + longest_secret(), decode_content=True)
        text = redacted(page.decode("utf-8", "replace"), is_cut=len(page) > _PAGE)
        if status == 400 and re.search(
            r"must not exceed|maximum (date )?range|range (is )?too (long|large)", text, re.I
        ):
            raise WindowTooLong(text)
        raise Refused(f"status {status}: {' '.join(text.split())[:300]}")

    def _read(self, response: requests.Response, limit: int, deadline: Deadline, sink: Sink) -> None:
        """Put the decompressed body into `sink`. Raises _Transient when it is cut short, TimeoutError when it is too slow,
        WrongAnswer beyond `limit` bytes, be it as sent or decompressed."""
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("gzip", "x-gzip", "identity", ""):
            raise Refused(f"the answer is encoded as {encoding}, which was not asked for")
        unzip = isal_zlib.decompressobj(31) if "gzip" in encoding else None
        received = 0
        # What has come, not a full chunk of it: nobody knows how long that would take.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            self._stop.check()
            received += len(chunk)
            if unzip is None:
                sink.add(chunk)
            else:
                # Never more at a time than the limit leaves: a small answer may unfold into any size.
                while chunk and sink.size <= limit:
                    if unzip.eof:
                        # A gzip stream may have several members.
                        unzip = isal_zlib.decompressobj(31)
                    sink.add(unzip.decompress(chunk, _CHUNK * 8))
                    chunk = unzip.unused_data if unzip.eof else unzip.unconsumed_tail
            deadline.arrived(sink.size)
            if max(received, sink.size) > limit:
                raise WrongAnswer(f"the body is larger than the limit of {limit // 1_000_000} MB for this window")
        if unzip is not None and not unzip.eof:
            raise _Transient("the compressed body was cut short")


class Sink(Protocol):
    """Where an answer goes as it comes."""

    @property
    def size(self) -> int:
        """Bytes of it up to now, decompressed."""

    def add(self, data: bytes) -> None:
        """More of it."""

    def described(self, headers: Mapping[str, str]) -> None:
        """What is said of it."""


class Whole(Sink, Protocol):
    """An answer that is kept as a whole."""

    @property
    def body(self) -> Any:
        """It."""


class File(NamedTuple):
    """A file as it came. size: bytes, decompressed; sha256: of them; last_modified, kind: what the server says of it."""

    size: int
    sha256: str
    last_modified: str
    kind: str


class _Memory:
    """A body in memory."""

    def __init__(self) -> None:
        self.body = bytearray()

    @property
    def size(self) -> int:
        return len(self.body)

    def add(self, data: bytes) -> None:
        self.body += data

    def described(self, headers: Mapping[str, str]) -> None:
        """What the headers say of it does not matter."""


class _Spool:
    """A body on its way into a file, from its beginning."""

    def __init__(self, spool: BinaryIO) -> None:
        self._spool, self._digest, self._headers, self._size = spool, hashlib.sha256(), dict[str, str](), 0
        spool.seek(0)
        spool.truncate()

    def add(self, data: bytes) -> None:
        self._spool.write(data)
        self._digest.update(data)
        self._size += len(data)

    @property
    def size(self) -> int:
        return self._size

    def described(self, headers: Mapping[str, str]) -> None:
        self._headers = {name.lower(): value for name, value in headers.items()}

    def done(self) -> File:
        self._spool.seek(0)
        modified, kind = (printable(self._headers.get(name, ""))[:100] for name in ("last-modified", "content-type"))
        return File(self.size, self._digest.hexdigest(), modified, kind)


def apis_of(
    settings: Settings, stop: Stop, *, connections: int, delay: float, clock: Clock | None = None
) -> dict[Source, Api]:
    """The APIs, which ask nothing yet. connections: most at one time; delay: least seconds between two requests."""
    return {source: _api_of(source, settings, stop, connections, delay, clock) for source in SOURCES}


def _api_of(source: Source, settings: Settings, stop: Stop, connections: int, delay: float, clock: Clock | None) -> Api:
    url, (slow, slow_rate) = settings.values[source.variable], source.slow
    # A stand-in on the machine itself takes what comes, and would be held up for nothing.
    stands_in = source.blocks and is_near(url)
    return Api(
        url, cap=_NEAR if stands_in else source.rate, stop=stop, connections=connections, timeout=settings.http_timeout,
        delay=delay, key=settings.api_key if source.has_key else "", clock=clock, redirects=source.redirects, turns=turns_of(url), slow=slow,
        slow_pace=Pace(_NEAR if stands_in else slow_rate, delay, stop, turns_of(f"{url}#slow")) if slow else None, blocks=source.blocks,
    )  # fmt: skip


def _retry_after(response: requests.Response) -> float | None:
    """Seconds to wait as the server asks, from a number or an HTTP date; None when it does not say."""
    text = response.headers.get("Retry-After", "").strip()[:100]
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return min(float(text), _RETRY_AFTER_CAP)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return min(max((moment - utc_now()).total_seconds(), 0.0), _RETRY_AFTER_CAP)
