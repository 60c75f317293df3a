"""What a query is answered with: records in an envelope, or a problem; and the bodies made of them."""

from __future__ import annotations

import json
import random
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from standin.calendar import DAY, Number, days
from standin.datasets import Slot
from standin.values import noise

if TYPE_CHECKING:
    from standin.source import Source


class Problem(Exception):
    """An answer that is not data."""

    def __init__(
        self, status: int, body: bytes, content_type: str = "application/problem+json; charset=utf-8",
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:  # fmt: skip
        super().__init__(status)
        self.status, self.body, self.content_type, self.headers = status, body, content_type, headers


def bad_request(*messages: str, under: str = "") -> Problem:
    """The service's own 400; messages about a window stand under the empty key."""
    seed = zlib.crc32("".join(messages).encode())
    trace = f"00-{noise(1, seed):016x}{noise(2, 3):016x}-{noise(4, 5):016x}-00"
    told = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {under: list(messages)},
        "traceId": trace,
    }
    return Problem(400, json.dumps(told, separators=(",", ":")).encode())


NOT_FOUND = (404, b'{"statusCode":404,"message":"Resource not found"}', "application/json")
UNAVAILABLE = (503, b'{"statusCode":503,"message":"Service unavailable"}', "application/json")
CARBON_BAD_REQUEST = (
    400,
    (
        b'{"error":{"code":"400 Bad Request","message":"Please enter a valid start and end datetime '
        b'in ISO8601 format YYYY-MM-DDThh:mmZ i.e. /intensity/2017-08-25T15:30Z/2017-08-27T17:00Z"}}'
    ),
    "application/json",
)


class Answer(NamedTuple):
    """Records to be sent, and the envelope they stand in."""

    code: str
    slots: list[Slot]
    before: bytes
    after: bytes
    picks: tuple[re.Pattern[bytes], ...] = ()  # of a row, where parameters pick rows


def _is_date(text: str) -> bool:
    try:
        return bool(date.fromisoformat(text))
    except ValueError:
        return False


class Bodies:
    """Bodies made of answers, the newest kept for as long as they hold."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Any, ...], tuple[bytes, int]] = OrderedDict()
        self._bytes = 0

    def key(self, path: str, query: str, squeeze: bool) -> tuple[Any, ...]:
        return path, query, squeeze, self.source.epoch, self._age(path, query)

    def _age(self, path: str, query: str) -> Number | None:
        """What of `now` an answer hangs on: its day if the window ended two days ago, else the second itself (which
        is not kept while the clock runs).
        """
        now = self.source.now()
        if self.source.switches.now is not None:
            return now
        found = re.findall(r"20\d\d-[01]\d-[0-3]\d", path + query)
        dates = [days(date.fromisoformat(text)) for text in found if _is_date(text)]
        return int(now) // DAY if len(dates) >= 2 and max(dates) < int(now) // DAY - 2 else None

    def get(self, key: tuple[Any, ...]) -> tuple[bytes, int] | None:
        """(body, number of records), where it was kept."""
        with self._lock:
            kept = self._kept.get(key) if key[-1] is not None else None
            if kept:
                self._kept.move_to_end(key)
            return kept

    def keep(self, key: tuple[Any, ...], body: bytes, rows: int) -> None:
        most = self.source.switches.cache_bytes
        if key[-1] is None or len(body) > most:
            return
        with self._lock:
            if key not in self._kept:
                self._kept[key] = body, rows
                self._bytes += len(body)
            while self._bytes > most:
                self._bytes -= len(self._kept.popitem(last=False)[1][0])

    def make(self, answer: Answer, squeeze: bool) -> tuple[bytes, int]:
        """(body, number of records) of an answer, gzipped or not."""
        count = [0]
        if not squeeze:
            return b"".join(self._chunks(answer, count)), count[0]
        packer = zlib.compressobj(1, zlib.DEFLATED, 31)
        packed = [packer.compress(chunk) for chunk in self._chunks(answer, count)]
        return b"".join(packed) + packer.flush(), count[0]

    def _chunks(self, answer: Answer, count: list[int]) -> Iterator[bytes]:
        """The body in pieces, slot by slot; `count[0]` ends as the number of records."""
        switches, now = self.source.switches, self.source.now()
        slots = answer.slots
        if switches.shuffle:
            slots = sorted(slots, key=lambda slot: noise(slot.at, slot.pub, 9))
        yield answer.before
        started = False
        for slot in slots:
            rows = slot.rows(now)
            for pick in answer.picks:
                rows = [row for row in rows if pick.search(row)]
            if switches.shuffle:
                rows = random.Random(slot.at).sample(rows, len(rows))
            if not rows:
                continue
            if switches.pretty:
                rows = [row.replace(b',"', b',\n    "').replace(b'":', b'": ') for row in rows]
            count[0] += len(rows)
            yield (b"," if started else b"") + b",".join(rows)
            started = True
        yield answer.after
