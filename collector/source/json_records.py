"""From an answer's body to the records of each settlement day, checked against what was asked.

Records are split out of the body without being decoded and printed again: what is stored is the bytes that the API
sent. Only line breaks between the parts of a record (pretty-printed JSON) are taken out, so that a record is a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from typing import Any, NoReturn

import msgspec
from msgspec import Raw

from collector.base.gb_calendar import HALF_HOUR, ONE_DAY, day_end, day_start, parse_utc, settlement_day, utc_text
from collector.registry.model import SNAPSHOT, VALUE, Dataset
from collector.source.errors import WrongAnswer
from collector.source.json_split import Body, decode, excerpt, split_in_lines
from collector.source.requests import DataRequest
from collector.storage.profile import Group, Profile, Record, profile_of

_PIECE = 4_096
# More are no records of these APIs: three times as many as usual, and some for a small window. So many names of fields, in
# one record or in all of an answer. So many shapes (names in their order) of an answer have decoders of their own: to make
# one takes a hundred times as long as to read a record without.
_MOST, _MORE, _MOST_NAMES, _MOST_SHAPES = 3, 20_000, 1_000, 64


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
            if all(value_of(decode(record), name) is None for group in groups for record in group.records):
                yield instant


def value_of(record: Any, name: str) -> Any:
    """The value of a field, dotted when nested; None where there is none."""
    for part in name.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


@dataclass
class Answer:
    """What one window brought: the records of its days, a day without any is absent, and what was asked for it."""

    days: dict[date, DayRecords]
    asked: list[DataRequest] = field(default_factory=list)

    @property
    def fields(self) -> set[str]:
        """The field names seen in any day."""
        return set().union(*(day.fields for day in self.days.values()))

    @property
    def question(self) -> str:
        """What was asked, in one line: the first request, and how many more."""
        more = f" and {len(self.asked) - 1} more" if len(self.asked) > 1 else ""
        return f"{self.asked[0]}{more}" if self.asked else ""

    def merge(self, other: Answer) -> None:
        """Add what another answer brought."""
        self.asked += other.asked
        for day, records in other.days.items():
            self.days.setdefault(day, DayRecords()).merge(records)


def read_answer(request: DataRequest, body: Body) -> Answer:
    """The records of `body`, the answer to `request`, by settlement day.

    Records that the endpoint is known to repeat around a window are dropped. Raises Unparsable when the body is no
    list of records, WrongAnswer when a record has no instant or lies where the question did not reach.
    """
    dataset = request.dataset
    if dataset.asked.is_single:
        body = b"[" + bytes(body) + b"]"
    most = _MORE + int(_MOST * dataset.rows_per_day * ((request.end - request.start) / ONE_DAY))
    records: Sequence[Record] = split_in_lines(body, most)
    if request.added:
        records = _with_fields(records, request.added, any(column.source == VALUE for column in dataset.columns))
    reader = _Reader(request)
    reader.read(records)
    parents = {c.source.partition(".")[0] for c in dataset.columns if "." in c.source}
    for day in reader.days.values() if parents else ():
        for record in chain.from_iterable(group.records for groups in day.groups.values() for group in groups):
            whole = decode(record)
            inner = ((parent, whole.get(parent)) for parent in parents)
            day.fields.update(
                f"{parent}.{name}" for parent, value in inner if isinstance(value, dict) for name in value
            )
    return Answer(reader.days, [request])


def read_lines(dataset: Dataset, start: datetime, end: datetime, lines: Sequence[Record]) -> DayRecords:
    """The records of a day from `start` to `end` (aware UTC) that were made of a file. Raises WrongAnswer for one of another day."""
    reader = _Reader(DataRequest(
        path="", limit=0, dataset=dataset, start=start, end=end, earliest=start, latest=end, first_stamp=start, last_stamp=end,
    ))  # fmt: skip
    reader.read(lines)
    return next(iter(reader.days.values()), DayRecords())


def _with_fields(records: Sequence[Record], added: tuple[tuple[str, str], ...], are_values: bool) -> list[bytes]:
    """The records with fields before their own, which stay byte for byte as they came. are_values: the records are bare
    values; each becomes field VALUE."""
    head = b"{" + ",".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in added).encode()
    if are_values:
        return [head + f',"{VALUE}":'.encode() + bytes(record) + b"}" for record in records]
    bodies = (bytes(record)[1:] for record in records)
    return [head + (body if body.lstrip()[:1] == b"}" else b"," + body) for body in bodies]


def as_of(lines: Iterable[list[bytes]], taken: date, day: date) -> Iterator[list[bytes]]:
    """The lines of a snapshot as they would be if it had been taken on another day."""
    own, other = (f'{{"{SNAPSHOT}":"{when}"'.encode() for when in (taken, day))
    return ([other + line[len(own) :] for line in piece] for piece in lines)


class _Reader:
    """Puts records in their days. Most records of a body have the same fields, so a decoder made for just those
    tells at once, without building values, that nothing is new; the others take the slow way, one by one.

    Of each record only its facets (instant, stamp, run, label: few different values, each of which makes a group) and
    the rest of its natural key are read.
    """

    def __init__(self, request: DataRequest) -> None:
        self.request, self.dataset, self.start, self.end = request, request.dataset, request.start, request.end
        self.days: dict[date, DayRecords] = {}
        self.facets, self.keys = self.dataset.facets, self.dataset.key_fields
        self._names: tuple[str, ...] = ()
        self._all_names: set[str] = set()
        self._dropped = Group()
        self._strangers: list[datetime] = []
        # The day of the record before: most often that of the next one too.
        self._day = (self.start, self.start, DayRecords())

    def read(self, records: Sequence[Record]) -> None:
        """Sort every record into its day. Raises WrongAnswer."""
        places: dict[object, Group] = {}
        shapes: set[tuple[str, ...]] = set()
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
                if len(shapes) <= _MOST_SHAPES:
                    shapes.add(self._names)
                few = len(shapes) <= _MOST_SHAPES
                decode = _shape(self._names, (self.dataset.instant.fields, self.facets, self.keys)) if few else None
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
        whole = decode(record)
        if not isinstance(whole, dict):
            raise WrongAnswer(f"a record is no object: {excerpt(bytes(record))}")
        if len(whole) > _MOST_NAMES:
            raise WrongAnswer(f"a record has {len(whole):,} fields: {excerpt(bytes(record))}")
        self._all_names.update(whole)
        if len(self._all_names) > _MOST_NAMES:
            raise WrongAnswer(f"the records of the answer have {len(self._all_names):,} fields and more in all")
        if any(isinstance(whole.get(name), list | dict) for name in self.dataset.instant.fields):
            raise WrongAnswer(f"a record has no usable {self.dataset.instant.fields[0]}: {excerpt(bytes(record))}")
        facets, keys = (tuple(_hashable(whole.get(name)) for name in names) for names in (self.facets, self.keys))
        key: Hashable = keys if len(keys) > 1 else next(iter(keys), None)
        return tuple(whole), facets if len(facets) > 1 else facets[0], key

    def _group(self, facets: tuple[Any, ...], record: Record) -> Group:
        """Where records with these facets go: a group of their day, or that of those which are dropped."""
        told = dict(zip(self.facets, facets, strict=True))
        try:
            instant = self.dataset.instant.of(facets[: len(self.dataset.instant.fields)])
        except (ValueError, OverflowError) as error:
            raise WrongAnswer(
                f"a record has no usable instant ({str(error)[:200]}): {excerpt(bytes(record))}"
            ) from None
        if not self._is_asked_for(instant, told.get(self.dataset.endpoint.stamp)):
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

    def _is_asked_for(self, instant: datetime, stamp: Any) -> bool:
        """Whether a record lies where the question reached: by what the endpoint filters on, if it tells that, else by its
        instant. What is stamped long after its instant, as a late revision is, was asked for too, if not for its day."""
        if isinstance(stamp, str):
            with suppress(ValueError, OverflowError):
                return self.request.first_stamp <= parse_utc(stamp) <= self.request.last_stamp
        return self.request.earliest <= instant <= self.request.latest

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


@lru_cache(maxsize=_MOST_SHAPES)
def _shape(names: tuple[str, ...], dataset: _Read) -> Callable[[Any], Any] | None:
    """A decoder of records with just these fields, which builds the values of facets (g0, g1, ...) and keys (k0, ...)
    and nothing else; of those that are not among the fields the value is None.

    None when the fields of the instant are not among them, or a name cannot be an attribute's: such records are looked
    at one by one.
    """
    instant, facets, keys = dataset
    if not set(instant) <= set(names):
        return None
    built = {
        name: f"{letter}{number}" for letter, those in (("k", keys), ("g", facets)) for number, name in enumerate(those)
    }
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
