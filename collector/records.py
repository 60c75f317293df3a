"""From an answer's body to the records of each settlement day, checked against what was asked.

Records are split out of the body without being decoded and printed again: what is stored is the bytes that the API
sent. Only line breaks between the parts of a record (pretty-printed JSON) are taken out, so that a record is a line.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from collector.command_line import redacted
from collector.gb_calendar import HALF_HOUR, ONE_DAY, day_end, day_start, parse_utc, settlement_day, utc_text
from collector.profile import Profile, profile_of
from datasets_config import Dataset

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
class Group:
    """Records of one instant that also have one stamp, settlement run and label. keys: what tells each record from the
    others of its instant; empty where the instant alone is the natural key."""

    records: list[Record] = field(default_factory=list)
    keys: list[Hashable] = field(default_factory=list)
    run: object = None
    label: tuple[object, object] = (None, None)


@dataclass
class DayRecords:
    """The records of one settlement day by instant, and the field names seen."""

    groups: dict[datetime, list[Group]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)
    rows: int = 0

    def lines(self) -> Iterator[list[bytes]]:
        """The records by instant, each instant's in the order of their bytes: the order does not depend on the API's.
        They come in pieces of some thousand, so that a record costs little where each has its own instant."""
        piece: list[bytes] = []
        for instant in sorted(self.groups):
            piece += sorted(map(bytes, chain.from_iterable(group.records for group in self.groups[instant])))
            if len(piece) >= _PIECE:
                yield piece
                piece = []
        if piece:
            yield piece

    def merge(self, other: DayRecords) -> None:
        """Add the records of a later part of the same day."""
        for instant, groups in other.groups.items():
            self.groups.setdefault(instant, []).extend(groups)
        self.fields |= other.fields
        self.rows += other.rows

    def profile(self, dataset: Dataset, day: date) -> Profile:
        """What the records of `day` are, counted."""
        return profile_of(dataset, day, self.groups, {name: list(self._without(name)) for name in dataset.values})

    def _without(self, name: str) -> Iterator[datetime]:
        """The instants of which no record has a value in the field `name` (dotted when nested)."""
        for instant, groups in self.groups.items():
            if all(_value(_decode(record), name) is None for group in groups for record in group.records):
                yield instant


def _value(record: Any, name: str) -> Any:
    for part in name.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


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


def read_answer(
    dataset: Dataset, body: bytes | bytearray, start: datetime, end: datetime, stamped: tuple[datetime, datetime] | None = None
) -> Answer:
    """The records of `body` by settlement day, of those with start <= instant < end (aware UTC).

    Records that the endpoint is known to repeat around a window are dropped. Raises Unparsable when the body is no
    list of records, WrongAnswer when a record has no instant or lies where the question did not reach.
    """
    most = _MORE + int(_MOST * dataset.rows_per_day * ((end - start) / ONE_DAY))
    records: Sequence[Record] = split(body, most)
    if b"\n" in body or b"\r" in body:
        # Within a JSON text these bytes can only stand between tokens.
        records = [bytes(record).translate(None, b"\r\n") for record in records]
    reader = _Reader(dataset, start, end, stamped)
    reader.read(records)
    parents = {c.source.partition(".")[0] for c in dataset.columns if "." in c.source}
    for day in reader.days.values() if parents else ():
        for record in chain.from_iterable(group.records for groups in day.groups.values() for group in groups):
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
        # The list of records, and the object that it may be in, are two more.
        _check_depth(text, _DEEPEST + 2)
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
# So many levels a record may have. How many Python decodes depends on its version and on the stack.
_DEEPEST = 512
_LEVELS = re.compile(r'"(?:[^"\\]|\\.)*"|([\[{])|[\]}]')


def _check_depth(text: str, most: int = _DEEPEST) -> None:
    """Raises ValueError when lists and objects stand more than `most` deep in one another."""
    if text.count("[") + text.count("{") <= most:
        return
    depth = 0
    for found in _LEVELS.finditer(text):
        if found[0][0] != '"':
            depth += 1 if found[1] else -1
            if depth > most:
                raise ValueError(f"more than {most} levels deep")


def _decode(record: Record) -> Any:
    try:
        text = bytes(record).decode()
        _check_depth(text)
        return _JSON.decode(text)
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
    tells at once, without building values, that nothing is new; the others take the slow way, one by one.

    Of each record only its facets (instant, stamp, run, label: few different values, each of which makes a group) and
    the rest of its natural key are read.
    """

    def __init__(self, dataset: Dataset, start: datetime, end: datetime, stamped: tuple[datetime, datetime] | None) -> None:
        self.dataset, self.start, self.end = dataset, start, end
        self.earliest, self.latest = dataset.window.answers(start, end)
        self.first_stamp, self.last_stamp = stamped or dataset.window.stamps(start, end)
        self.days: dict[date, DayRecords] = {}
        self.facets, self.keys = dataset.facets, dataset.key_fields
        self._names: tuple[str, ...] = ()
        self._dropped = Group()
        self._strangers: list[datetime] = []
        # The day of the record before: most often that of the next one too.
        self._day = (start, start, DayRecords())

    def read(self, records: Sequence[Record]) -> None:
        """Sort every record into its day. Raises WrongAnswer."""
        places: dict[object, Group] = {}
        decode: Callable[[Any], Any] | None = None
        facets: Any
        facets_of = attrgetter(*(f"g{number}" for number in range(len(self.facets))))
        keys_of = attrgetter(*(f"k{number}" for number in range(len(self.keys)))) if self.keys else None
        # One object for each text, however often it comes.
        same = dict[Hashable, Hashable]().setdefault
        key: Hashable = None
        for record in records:
            try:
                if decode is None:
                    raise msgspec.ValidationError
                seen = decode(record)
                facets = facets_of(seen)
                if keys_of:
                    key = keys_of(seen)
            except (msgspec.DecodeError, RecursionError):
                self._names, facets, key = self._read_slowly(record)
                decode = _shape(self._names, (self.dataset.instant.fields, self.facets, self.keys))
                # Each day that has such records is to learn their names, through _group.
                places.clear()
            group = places.get(facets)
            if group is None:
                group = places[facets] = self._group(facets if isinstance(facets, tuple) else (facets,), record)
            group.records.append(record)
            if keys_of:
                group.keys.append(same(key, key))
        if self._strangers:
            self._refuse()
        for day in self.days.values():
            day.rows = sum(len(group.records) for groups in day.groups.values() for group in groups)

    def _read_slowly(self, record: Record) -> tuple[tuple[str, ...], Hashable, Hashable]:
        whole = _decode(record)
        if not isinstance(whole, dict):
            raise WrongAnswer(f"a record is no object: {_excerpt(bytes(record))}")
        if len(whole) > _MOST_NAMES:
            raise WrongAnswer(f"a record has {len(whole):,} fields: {_excerpt(bytes(record))}")
        if any(isinstance(whole.get(name), list | dict) for name in self.dataset.instant.fields):
            raise WrongAnswer(f"a record has no usable {self.dataset.instant.fields[0]}: {_excerpt(bytes(record))}")
        facets, keys = (tuple(_hashable(whole.get(name)) for name in names) for names in (self.facets, self.keys))
        key: Hashable = keys if len(keys) > 1 else next(iter(keys), None)
        return tuple(whole), facets if len(facets) > 1 else facets[0], key

    def _group(self, facets: tuple[Any, ...], record: Record) -> Group:
        """Where records with these facets go: a group of their day, or that of those which are dropped."""
        told = dict(zip(self.facets, facets, strict=True))
        try:
            instant = self.dataset.instant.of(facets[: len(self.dataset.instant.fields)])
        except (ValueError, OverflowError) as error:
            raise WrongAnswer(f"a record has no usable instant ({str(error)[:200]}): {_excerpt(bytes(record))}") from None
        if not self.earliest <= instant <= self.latest or self._is_stamped_elsewhere(told):
            # All of the answer is read, so that the message can say what it is instead.
            self._strangers.append(instant)
            return self._dropped
        if not self.start <= instant < self.end:
            return self._dropped
        first, end, records = self._day
        if not first <= instant < end:
            day = settlement_day(instant)
            records = self.days.setdefault(day, DayRecords())
            self._day = day_start(day), day_end(day), records
        records.fields.update(self._names)
        label = tuple(told[name] for name in self.dataset.counted_by) or (None, None)
        group = Group(run=told.get(self.dataset.run_field), label=label)  # type: ignore[arg-type]
        records.groups.setdefault(instant, []).append(group)
        return group

    def _is_stamped_elsewhere(self, told: dict[str, Any]) -> bool:
        """Whether what the endpoint filters on says that the record was not asked for."""
        stamp = told.get(self.dataset.window.stamp)
        if not isinstance(stamp, str):
            return False
        try:
            return not self.first_stamp <= parse_utc(stamp) <= self.last_stamp
        except (ValueError, OverflowError):
            return False

    def _refuse(self) -> NoReturn:
        """Say what an answer with strangers is: the right one shifted, or the answer to another question."""
        instants = sorted([*self._strangers, *(i for day in self.days.values() for i in day.groups)])
        asked = f"asked from {utc_text(self.start)} to {utc_text(self.end)}, the answer holds"
        shift = instants[0] - self.start
        one_step = self.dataset.grid or HALF_HOUR
        whole = instants[-1] + one_step - instants[0] == self.end - self.start
        if whole and one_step <= abs(shift) <= 2 * _HOUR:
            minutes = int(abs(shift).total_seconds() // 60)
            raise WrongAnswer(
                f"{asked} {utc_text(instants[0])} to {utc_text(instants[-1])}: it is {minutes} minutes too "
                f"{'early' if shift < timedelta(0) else 'late'}, as when a clock change is counted twice"
            )
        raise WrongAnswer(
            f"{asked} a record of {utc_text(min(self._strangers))}: it answers another question (the API ignores "
            "parameters it does not know)"
        )


_HOUR = 2 * HALF_HOUR
# Fields of a dataset that are read: of the instant, facets, keys.
_Read = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _hashable(value: Any) -> Hashable:
    return json.dumps(value) if isinstance(value, list | dict) else value


@lru_cache(maxsize=64)
def _shape(names: tuple[str, ...], dataset: _Read) -> Callable[[Any], Any] | None:
    """A decoder of records with just these fields, which builds the values of facets (g0, g1, ...) and keys (k0, ...)
    and nothing else; of those that are not among the fields the value is None.

    None when the fields of the instant are not among them, or a name cannot be an attribute's: such records are looked
    at one by one.
    """
    instant, facets, keys = dataset
    if not set(instant) <= set(names):
        return None
    built = {name: f"{letter}{number}" for letter, those in (("k", keys), ("g", facets)) for number, name in enumerate(those)}
    fields: list[Any] = [(attribute, None, None) for name, attribute in built.items() if name not in names]
    rename = {}
    for number, name in enumerate(names):
        attribute, kind = (built[name], str | int | float | bool | None) if name in built else (f"f{number}", Raw)
        fields.append((attribute, kind))
        rename[attribute] = name
    try:
        struct = msgspec.defstruct("Record", fields, rename=rename, forbid_unknown_fields=True, kw_only=True, gc=False)
    except ValueError:
        # Names with quotes, backslashes, control characters or lone surrogates.
        return None
    return msgspec.json.Decoder(struct).decode
