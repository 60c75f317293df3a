"""From an answer's body to the records of each settlement day, checked against what was asked.

Records are split out of the body without being decoded and printed again: what is stored is the bytes that the API
sent. Only line breaks between the parts of a record (pretty-printed JSON) are taken out, so that a record is a line.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from collector.command_line import redacted
from collector.gb_calendar import ONE_DAY, day_end, day_start, settlement_day, utc_text
from datasets_config import Dataset, Instant

Record = Raw | bytes
_CHUNK = 1 << 20
_PIECE = 4_096
# A body is split in pieces of about this many bytes: of two bytes of it an object of 80 can be made, so what comes out is
# counted as it comes. Where a piece ends is tried at so many places.
_SPLIT, _TRIES = 1 << 18, 8
_HEAD = re.compile(rb'\s*({\s*"data"\s*:\s*)?\[')
_BETWEEN = re.compile(rb"}\s*(,)\s*{")
# More are no records of these APIs: three times as many as usual, and some for a small window. So many names of fields.
_MOST, _MORE, _MOST_NAMES = 3, 20_000, 1_000


class Unparsable(Exception):
    """The body is no JSON list of records: cut short, an error page, or something else altogether."""


class WrongAnswer(Exception):
    """A well-formed answer that does not answer what was asked; storing it would put rows in the wrong days."""


@dataclass
class DayRecords:
    """The records of one settlement day: instant -> records, and the field names seen."""

    groups: dict[datetime, list[Record]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    rows: int = 0

    def lines(self) -> Iterator[list[bytes]]:
        """The records by instant, each instant's in the order of their bytes: the order does not depend on the API's.
        They come in pieces of some thousand, so that a record costs little where each has its own instant."""
        piece: list[bytes] = []
        for instant in sorted(self.groups):
            piece += sorted(map(bytes, self.groups[instant]))
            if len(piece) >= _PIECE:
                yield piece
                piece = []
        if piece:
            yield piece

    def merge(self, other: DayRecords) -> None:
        """Add the records of a later part of the same day."""
        for instant, records in other.groups.items():
            self.groups.setdefault(instant, []).extend(records)
        self.fields |= other.fields
        self.rows += other.rows


@dataclass
class Answer:
    """What one window brought: the records of its days; a day without any is absent."""

    days: dict[date, DayRecords]

    @property
    def fields(self) -> set[str]:
        """The field names seen in any day."""
        return set().union(*(day.fields for day in self.days.values()))


class _Envelope(msgspec.Struct):
    data: list[Raw]


_LIST = msgspec.json.Decoder(list[Raw])
_ENVELOPE = msgspec.json.Decoder(_Envelope)


def read_answer(dataset: Dataset, body: bytes | bytearray, start: datetime, end: datetime) -> Answer:
    """The records of `body` by settlement day, of those with start <= instant < end (aware UTC).

    Records that the endpoint is known to repeat around a window are dropped. Raises Unparsable when the body is no
    list of records, WrongAnswer when a record has no instant or lies where the question did not reach.
    """
    most = _MORE + int(_MOST * dataset.rows_per_day * ((end - start) / ONE_DAY))
    records: Sequence[Record] = split(body, most)
    if b"\n" in body or b"\r" in body:
        # Within a JSON text these bytes can only stand between tokens.
        records = [bytes(record).translate(None, b"\r\n") for record in records]
    reader = _Reader(dataset, start, end)
    reader.read(records)
    parents = {c.source.partition(".")[0] for c in dataset.columns if "." in c.source}
    for day in reader.days.values() if parents else ():
        for record in chain.from_iterable(day.groups.values()):
            whole = _decode(record)
            inner = ((parent, whole.get(parent)) for parent in parents)
            day.fields.update(f"{parent}.{name}" for parent, value in inner if isinstance(value, dict) for name in value)
    return Answer(reader.days)


def split(body: bytes | bytearray, most: int = sys.maxsize) -> list[Any]:
    """The records of a bare list, or of the list `data` of an object, as slices of `body`.

    Raises Unparsable for anything else: both shapes are served, by different endpoints. Raises WrongAnswer for more than
    `most` records.
    """
    if body[:3] == codecs.BOM_UTF8:
        body = body[3:]
    if body[:100].lstrip()[:1] == b"<":
        raise Unparsable(f"the answer is a web page and no data: {_excerpt(body)}")
    _check_utf8(body)
    records = _split_in_pieces(body, most) if len(body) > 2 * _SPLIT else _split_whole(body)
    if len(records) > most:
        raise WrongAnswer(f"the answer holds more than {most:,} records, which is more than there can be in this window")
    return records


def _split_in_pieces(body: bytes | bytearray, most: int) -> list[Any]:
    """As `split`, of a large body, in which a comma between two records becomes the end of one list and then the
    beginning of the next; it is left so when `body` is a bytearray. Stops soon after `most` records."""
    head = _HEAD.match(body)
    if not head:
        raise Unparsable(f"the body is not a list of records: {_excerpt(body)}")
    body = bytearray(body) if isinstance(body, bytes) else body
    view, at = memoryview(body), head.end() - 1
    records: list[Any] = []
    while len(body) - at > 2 * _SPLIT and len(records) <= most:
        found = _first_piece(body, view, at)
        if found is None:
            break
        records += found[0]
        at = found[1]
    if len(records) <= most:
        # One large record, or what is no list of records: of few commas little can be made.
        if body.count(b",", at) > 2 * _SPLIT:
            raise Unparsable(f"the body is not a list of records: {_excerpt(body[at : at + 2_000])}")
        records += _split_whole((b'{"data":' if head[1] else b"") + bytes(view[at:]))
    return records


def _first_piece(body: bytearray, view: memoryview, at: int) -> tuple[list[Any], int] | None:
    """The records of a list that begins at `at`, up to a comma not far behind, and where that stands. What is a list when
    it ends there ends between two records: neither within one nor within a string."""
    for decode in (_LIST.decode, lambda piece: _split_slowly(bytes(piece), "no record ends where one should")):
        for between in islice(_BETWEEN.finditer(body, at + _SPLIT), _TRIES):
            comma = between.start(1)
            if comma - at > 2 * _SPLIT and body.count(b",", at, comma) > 2 * _SPLIT:
                return None
            body[comma] = ord("]")
            try:
                records = decode(view[at : comma + 1])
            except (msgspec.DecodeError, RecursionError, Unparsable):
                body[comma] = ord(",")
            else:
                body[comma] = ord("[")
                return records, comma
    return None


def _split_whole(body: bytes | bytearray) -> list[Any]:
    try:
        try:
            return _LIST.decode(body)
        except msgspec.ValidationError:
            return _ENVELOPE.decode(body).data
    except msgspec.ValidationError as error:
        raise Unparsable(f"the body is not a list of records ({error}): {_excerpt(body)}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        return _split_slowly(body, error)


def _split_slowly(body: bytes | bytearray, reason: object) -> list[bytes]:
    """Split JSON that the fast splitter refuses though it is valid: escapes of lone surrogates."""
    try:
        text = bytes(body).decode()
        whole = _JSON.decode(text)
        if isinstance(whole, dict):
            whole = whole["data"]
            at = text.index("[", text.index('"data"'))
        else:
            at = text.index("[")
        if not isinstance(whole, list):
            raise ValueError("no list")
        parts = []
        at += 1
        for item in whole:
            while text[at] in " \t\r\n,":
                at += 1
            value, stop = _JSON.raw_decode(text, at)
            if value != item:
                raise ValueError("another list")
            parts.append(text[at:stop].encode())
            at = stop
    except (ValueError, KeyError, IndexError, RecursionError):
        raise Unparsable(f"the body is not a list of records ({reason}): {_excerpt(body)}") from None
    return parts


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# Python refuses to make integers of thousands of digits, which are valid JSON; no value that is read has as many.
_JSON = json.JSONDecoder(parse_constant=_refuse, parse_int=lambda digits: int(digits[:100]))


def _decode(record: Record) -> Any:
    try:
        return _JSON.decode(bytes(record).decode())
    except (ValueError, RecursionError) as error:
        raise Unparsable(f"a record is not JSON ({error}): {_excerpt(bytes(record))}") from None


def _check_utf8(body: bytes | bytearray) -> None:
    if body.isascii():
        return
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        view = memoryview(body)
        for at in range(0, len(body), _CHUNK):
            decoder.decode(view[at : at + _CHUNK], at + _CHUNK >= len(body))
    except UnicodeDecodeError as error:
        raise Unparsable(f"the body is not UTF-8 ({error.reason})") from None


def _excerpt(body: bytes | bytearray) -> str:
    return redacted(body[:2_000].decode("utf-8", "replace"), is_cut=len(body) > 2_000)[:80] if body else "it is empty"


class _Reader:
    """Puts records in their days. Most records of a body have the same fields, so a decoder made for just those
    tells at once, without building values, that nothing is new; the others take the slow way, one by one."""

    def __init__(self, dataset: Dataset, start: datetime, end: datetime) -> None:
        self.dataset, self.start, self.end = dataset, start, end
        self.earliest, self.latest = dataset.window.answers(start, end)
        self.days: dict[date, DayRecords] = {}
        self._names: tuple[str, ...] = ()
        self._dropped: list[Record] = []
        # The day of the record before: most often that of the next one too.
        self._day = (start, start, DayRecords())

    def read(self, records: Sequence[Record]) -> None:
        """Sort every record into its day. Raises WrongAnswer."""
        groups: dict[object, list[Record]] = {}
        decode: Callable[[Any], Any] | None = None
        pair = len(self.dataset.instant.fields) == 2
        for record in records:
            try:
                if decode is None:
                    raise msgspec.ValidationError
                seen = decode(record)
                key: object = (seen.i0, seen.i1) if pair else seen.i0
            except (msgspec.DecodeError, RecursionError):
                self._names, key = self._read_slowly(record)
                decode = _shape(self._names, self.dataset.instant)
                # Each day that has such records is to learn their names, through _group.
                groups.clear()
            group = groups.get(key)
            if group is None:
                group = groups[key] = self._group(key if isinstance(key, tuple) else (key,), record)
            group.append(record)
        for day in self.days.values():
            day.rows = sum(map(len, day.groups.values()))
        self._dropped.clear()

    def _read_slowly(self, record: Record) -> tuple[tuple[str, ...], object]:
        whole = _decode(record)
        if not isinstance(whole, dict):
            raise WrongAnswer(f"a record is no object: {_excerpt(bytes(record))}")
        if len(whole) > _MOST_NAMES:
            raise WrongAnswer(f"a record has {len(whole):,} fields: {_excerpt(bytes(record))}")
        values = tuple(whole.get(name) for name in self.dataset.instant.fields)
        if any(isinstance(value, list | dict) for value in values):
            raise WrongAnswer(f"a record has no usable {self.dataset.instant.fields[0]}: {_excerpt(bytes(record))}")
        return tuple(whole), values if len(values) == 2 else values[0]

    def _group(self, values: tuple[object, ...], record: Record) -> list[Record]:
        """Where records with this instant go: a list of their day, or the one of those that are dropped."""
        try:
            instant = self.dataset.instant.of(values)
        except (ValueError, OverflowError) as error:
            raise WrongAnswer(f"a record has no usable instant ({str(error)[:200]}): {_excerpt(bytes(record))}") from None
        if not self.earliest <= instant <= self.latest:
            raise WrongAnswer(
                f"asked from {utc_text(self.start)} to {utc_text(self.end)}, the answer holds a record of "
                f"{utc_text(instant)}: it answers another question (the API ignores parameters it does not know)"
            )
        if not self.start <= instant < self.end:
            return self._dropped
        first, end, records = self._day
        if not first <= instant < end:
            day = settlement_day(instant)
            records = self.days.setdefault(day, DayRecords())
            self._day = day_start(day), day_end(day), records
        records.fields.update(self._names)
        return records.groups.setdefault(instant, [])


@lru_cache(maxsize=64)
def _shape(names: tuple[str, ...], instant: Instant) -> Callable[[Any], Any] | None:
    """A decoder of records with just these fields, which builds the instant's values and nothing else.

    None when the fields of the instant are not among them, or a name cannot be an attribute's: such records are
    looked at one by one.
    """
    if not set(instant.fields) <= set(names):
        return None
    types: tuple[type, ...] = (str,) if len(instant.fields) == 1 else (str, int)
    fields, rename = [], {}
    for number, name in enumerate(names):
        if name in instant.fields:
            place = instant.fields.index(name)
            attribute, kind = f"i{place}", types[place]
        else:
            attribute, kind = f"f{number}", Raw
        fields.append((attribute, kind))
        rename[attribute] = name
    try:
        struct = msgspec.defstruct("Record", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    except ValueError:
        # Names with quotes, backslashes, control characters or lone surrogates.
        return None
    return msgspec.json.Decoder(struct).decode
