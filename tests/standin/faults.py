"""Faults: what a service and the way to it do to an answer, and who gets one."""

from __future__ import annotations

import email.utils
import json
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

from standin.answers import Answer, Problem
from standin.calendar import settlement
from standin.changes import CHANGES
from standin.values import noise

if TYPE_CHECKING:
    from standin.server import ApiStandin, Handler
    from standin.switches import Switches

TRAP_PATH = "/__trap"  # where the redirect leads: what arrives there is logged


class Case(NamedTuple):
    """One request that gets a fault in place of its answer."""

    api: ApiStandin
    handler: Handler
    path: str
    query: str
    answer: Answer
    squeeze: bool  # the client takes gzip
    entry: dict[str, Any]  # of the log

    @property
    def zipped(self) -> list[tuple[str, str]]:
        return [("Content-Encoding", "gzip")] if self.squeeze else []

    def body(self, answer: Answer | None = None, squeeze: bool | None = None) -> bytes:
        """The body of the answer, or of another one; its records are counted in the log."""
        body, self.entry["rows"] = self.api.bodies.make(
            self.answer if answer is None else answer, self.squeeze if squeeze is None else squeeze
        )
        return body

    def half(self, body: bytes) -> bytes:
        return body[: max(1, len(body) // 2)]


# -- answers that are not data


def _status(case: Case, status: int, told: Callable[[int], list[tuple[str, str]]] = lambda after: []) -> None:
    text = {429: "Too many requests", 500: "Server error - please try again later"}.get(status, "Unavailable")
    body = json.dumps({"statusCode": status, "message": text}).encode()
    raise Problem(status, body, "application/json", told(case.api.switches.retry_after or 1))


def _in_seconds(after: int) -> list[tuple[str, str]]:
    return [("Retry-After", str(after))]


def _as_a_date(after: int) -> list[tuple[str, str]]:
    return [("Retry-After", email.utils.formatdate(time.time() + after + 1, usegmt=True))]


def _redirect(case: Case) -> None:
    target = case.api.switches.redirect_to or f"http://localhost:{case.api.port}{TRAP_PATH}{case.path}?{case.query}"
    raise Problem(302, b"", "text/plain", [("Location", target)])


def _instead(case: Case, body: bytes, content_type: str = "application/json; charset=utf-8") -> None:
    case.entry["status"] = 200
    case.handler.send(200, body, content_type)


_HTML = b"<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Service temporarily unavailable</h1></body></html>"


# -- connections


def _drop(case: Case, reset: bool = False) -> None:
    case.handler.drop(reset=reset)


def _refused(case: Case) -> None:
    case.api.refuse(case.api.switches.refuse_seconds, hang_up=False)
    case.handler.drop()


def _hang(case: Case) -> None:
    case.api.stopping.wait(case.api.switches.hang_seconds)
    case.handler.drop()


# -- bodies that are not whole


def _half_json(case: Case) -> None:
    case.entry["status"] = 200
    case.handler.send(200, case.half(case.body(squeeze=False)))


def _short_body(case: Case) -> None:
    case.entry["status"] = 200
    body = case.body()
    case.handler.send(200, case.half(body), headers=case.zipped, length=len(body))
    case.handler.drop()


def _cut_gzip(case: Case) -> None:
    """Whole by its Content-Length, cut as a gzip stream."""
    case.entry["status"] = 200
    case.handler.send(200, case.half(case.body()), headers=case.zipped)


def _trickle(case: Case) -> None:
    case.entry["status"] = 200
    body, switches = case.body(), case.api.switches
    case.handler.send(200, b"", headers=case.zipped, length=len(body) + 1)
    end = time.monotonic() + switches.trickle_seconds
    for index in range(len(body)):
        if time.monotonic() > end or case.api.stopping.wait(switches.trickle_delay):
            break
        case.handler.connection.sendall(body[index : index + 1])
    case.handler.drop()


def _send_bomb(case: Case) -> None:
    case.entry["status"] = 200
    case.handler.send(200, _bomb(case.api.switches.bomb_bytes), headers=case.zipped)


@lru_cache(maxsize=2)
def _bomb(size: int) -> bytes:
    """A valid gzip stream of a JSON array that is `size` bytes of blanks: about a thousandth of that on the wire."""
    block = b" " * (1 << 20)
    count = max(1, size >> 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(b"[") + packer.flush(zlib.Z_FULL_FLUSH)
    middle = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(b"]") + packer.flush(zlib.Z_FINISH)
    crc = zlib.crc32(b"[")
    for _ in range(count):
        crc = zlib.crc32(block, crc)
    crc = zlib.crc32(b"]", crc)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return header + first + middle * count + last + struct.pack("<II", crc, (count * len(block) + 2) & 0xFFFFFFFF)


# -- well-formed, and wrong


def _empty_list(case: Case) -> None:
    case.entry["status"] = 200
    case.handler.send(200, case.body(case.answer._replace(slots=[])), headers=case.zipped)


def _with_change(case: Case, change: str) -> None:
    case.entry["status"] = 200
    slots = CHANGES[change](case.answer.code, list(case.answer.slots), case.api.source.now())
    case.handler.send(200, case.body(case.answer._replace(slots=slots)), headers=case.zipped)


_FAULTS: dict[str, Callable[[Case], None]] = {
    "429_seconds": partial(_status, status=429, told=_in_seconds),
    "429_date": partial(_status, status=429, told=_as_a_date),
    "429": partial(_status, status=429),
    "500": partial(_status, status=500),
    "502": partial(_status, status=502),
    "503": partial(_status, status=503),
    "504": partial(_status, status=504),
    "refused": _refused,
    "reset": partial(_drop, reset=True),
    "close": _drop,
    "short_body": _short_body,
    "cut_gzip": _cut_gzip,
    "half_json": _half_json,
    "html": partial(_instead, body=_HTML, content_type="text/html"),
    "trickle": _trickle,
    "hang": _hang,
    "empty_body": partial(_instead, body=b""),
    "null": partial(_instead, body=b"null"),
    "object": partial(_instead, body=b'{"error":"made-up object where a list belongs"}'),
    "no_instant": partial(_with_change, change="no_instant"),
    "outside": partial(_with_change, change="extra_outside"),
    "empty_list": _empty_list,
    "bomb": _send_bomb,
    "redirect": _redirect,
}
FAULTS = tuple(_FAULTS)
# Where a fault does not fit the answer, another one of the list is taken.
_NEED_RECORDS = ("no_instant", "outside", "empty_list")
_NEED_GZIP = ("cut_gzip", "bomb")


def fault_names(spec: str | Iterable[str]) -> list[str]:
    """['429', 'reset'] out of '429,reset'; 'all,-bomb' is all but one."""
    names = [name for name in (spec.split(",") if isinstance(spec, str) else spec) if name]
    chosen = [name for name in FAULTS if "all" in names or name in names]
    unknown = {name.lstrip("-") for name in names} - set(FAULTS) - {"all"}
    if unknown:
        raise ValueError(f"unknown fault {min(unknown)!r}; one of all, {', '.join(FAULTS)}")
    return [name for name in chosen if "-" + name not in names]


class Dealer:
    """Deals faults: the same for the same seed, whatever the order in which threads ask."""

    def __init__(self, switches: Switches) -> None:
        self.switches = switches
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget which URLs and days were failed, so that the same seed deals the same faults again."""
        with self._lock:
            self._times: Counter[str] = Counter()  # url -> how often asked
            self._in_a_row: Counter[str] = Counter()  # url -> failures since its last good answer
            self._hidden: Counter[tuple[str, int]] = Counter()  # (code, day) -> false empty lists

    def deal(self, url: str) -> int | None:
        """The dice for this asking of this URL; None: no fault."""
        switches = self.switches
        if not switches.faults or not switches.fault_rate:
            return None
        with self._lock:
            self._times[url] += 1
            dice = noise(switches.seed + 1, zlib.crc32(url.encode()), self._times[url])
            if dice % 1_000_000 >= switches.fault_rate * 1_000_000 or self._in_a_row[url] >= switches.max_in_a_row:
                self._in_a_row[url] = 0
                return None
            self._in_a_row[url] += 1
            return dice >> 20

    def strike(self, case: Case, dice: int) -> bool:
        """Answer with one of the faults; False if none of the list fits this answer."""
        answer, now = case.answer, case.api.source.now()
        records = bool(answer.code) and not answer.picks and any(slot.rows(now) for slot in answer.slots)
        faults = list(self.switches.faults)
        first = dice % len(faults)
        for name in faults[first:] + faults[:first]:
            if (name in _NEED_RECORDS and not records) or (name in _NEED_GZIP and not case.squeeze):
                continue
            if name == "empty_list" and not self._may_hide(answer):
                continue
            case.entry["fault"] = name
            _FAULTS[name](case)
            return True
        with self._lock:
            self._in_a_row[case.path + "?" + case.query] = 0
        return False

    def _may_hide(self, answer: Answer) -> bool:
        days = {(answer.code, settlement(slot.at)[0]) for slot in answer.slots}
        with self._lock:
            if any(self._hidden[day] >= self.switches.empty_limit for day in days):
                return False
            self._hidden.update(days)
            return True
