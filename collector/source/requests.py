"""What is asked of an API, made once: the same value is sent, checked, logged and named in the day object's metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import product

from collector.base.gb_calendar import (
    HALF_HOUR,
    ONE_DAY,
    UTC,
    day_end,
    day_start,
    days_between,
    period_start,
    periods_in,
    settlement_day,
    utc_text,
)
from collector.registry.model import SNAPSHOT, Dataset

_SECOND, _MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)
# Three times what is usual, and this many bytes, leave room to grow. All workers together stay below 1.4 GB, whatever
# an answer unfolds into.
_USUAL, _MORE = 3, 4_000_000


@dataclass(frozen=True, kw_only=True)
class Request:
    """A question to an API. path: below its base URL; limit: most bytes of the answer's body, decompressed; no_data: the
    status that says that there is nothing (0: none does)."""

    path: str
    query: dict[str, str] = field(default_factory=dict)
    limit: int
    no_data: int = 0

    def __str__(self) -> str:
        return self.path + (
            "?" + "&".join(f"{name}={value}" for name, value in self.query.items()) if self.query else ""
        )


@dataclass(frozen=True, kw_only=True)
class DataRequest(Request):
    """A question for records of a dataset.

    start, end: what of the answer is kept: start <= instant < end (aware UTC). earliest, latest: the first and last
    instant that a right answer can hold, both included: what lies in them but outside [start, end) is a known repetition
    and is dropped; what lies outside them means that the answer belongs to another question. first_stamp, last_stamp: the
    same, both included, of what the endpoint filters on. added: fields that each record gets because only the question
    knows them.
    """

    dataset: Dataset
    start: datetime
    end: datetime
    earliest: datetime
    latest: datetime
    first_stamp: datetime
    last_stamp: datetime
    added: tuple[tuple[str, str], ...] = ()


def requests_of(dataset: Dataset, start: datetime, end: datetime) -> list[DataRequest]:
    """The questions that together ask for the records with start <= instant < end (aware UTC), bounds of settlement days.

    Bounds are inclusive at both ends, so the last second before `end` is asked for: adjacent windows then do not repeat
    the record between them. A snapshot is asked for as what holds in the day that begins at `start`.
    """
    endpoint = dataset.asked
    parts = [(start, end, dict[str, str]())]
    if "date" in endpoint.placeholders:
        parts = list(
            _by_date(settlement_day(start), settlement_day(end - _MICROSECOND), "period" in endpoint.placeholders)
        )
    chosen = list(product(*([(name, value) for value in values] for name, values in endpoint.partitions)))
    share = (end - start) / (len(parts) * len(chosen))
    return [
        _request(dataset, first, last, {**told, **dict(choice)}, choice, share)
        for first, last, told in parts
        for choice in chosen
    ]


def _by_date(first: date, last: date, by_period: bool) -> Iterator[tuple[datetime, datetime, dict[str, str]]]:
    for day in days_between(first, last):
        if not by_period:
            yield day_start(day), day_end(day), {"date": day.isoformat()}
            continue
        for period in range(1, periods_in(day) + 1):
            begin = period_start(day, period)
            yield begin, begin + HALF_HOUR, {"date": day.isoformat(), "period": str(period)}


def _request(
    dataset: Dataset, start: datetime, end: datetime, told: dict[str, str], chosen: tuple[tuple[str, str], ...], share: timedelta,
    stamps: tuple[datetime, datetime] | None = None,
) -> DataRequest:  # fmt: skip
    """One question. told: values of placeholders; chosen: of the partitions; share: how much of a day's data, as time."""
    endpoint = dataset.asked
    low, high = stamps or (start, end + endpoint.reach - _SECOND)
    first, last = settlement_day(start), settlement_day(end - _MICROSECOND)
    if endpoint.labels_wrong_until is not None and last <= endpoint.labels_wrong_until:
        # A mislabelled last half hour of the last day is filed under the day after.
        last += ONE_DAY
    values = {
        "from": utc_text(low), "to": utc_text(high), "first_date": first.isoformat(), "last_date": last.isoformat(),
        "from_minute": f"{start.astimezone(UTC):%Y-%m-%dT%H:%MZ}", "to_minute": f"{end.astimezone(UTC):%Y-%m-%dT%H:%MZ}", **told,
    }  # fmt: skip
    path, _, query = endpoint.template.partition("?")
    if "first_date" in endpoint.placeholders:
        earliest, latest = day_start(first) - endpoint.edge, day_end(last) + endpoint.edge - _MICROSECOND
    else:
        earliest, latest = start - max(endpoint.edge, endpoint.reach), end + endpoint.reach
    added = tuple((f"@{name}", value) for name, value in chosen)
    if endpoint.is_snapshot:
        added += ((SNAPSHOT, first.isoformat()),)
    return DataRequest(
        path=path.format(**values), query={name: value.format(**values) for name, _, value in (part.partition("=") for part in query.split("&")) if name},
        limit=_MORE + int(_USUAL * (share + endpoint.reach) / ONE_DAY * dataset.bytes_per_day), no_data=endpoint.no_data, dataset=dataset,
        start=start, end=end, earliest=earliest, latest=latest, first_stamp=low, last_stamp=high, added=added,
    )  # fmt: skip


def halves(request: DataRequest) -> tuple[DataRequest, DataRequest] | None:
    """Two questions in place of one that is too long for the API: of the day, or, where the endpoint filters by another
    time, of that. None where it cannot be cut: of several days (those are asked for one by one), of less than an hour, or
    of what is no window of instants."""
    dataset, start, end = request.dataset, request.start, request.end
    half_hours = (end - start) // HALF_HOUR
    if end - start > timedelta(hours=25) or half_hours < 2 or not {"from", "from_minute"} & dataset.asked.placeholders:
        return None
    share = (end - start) / 2

    def part(first: datetime, last: datetime, stamps: tuple[datetime, datetime] | None = None) -> DataRequest:
        made = _request(dataset, first, last, {name[1:]: value for name, value in request.added}, (), share, stamps)
        return replace(made, added=request.added)

    if not dataset.asked.stamp:
        middle = start + (half_hours // 2) * HALF_HOUR
        return part(start, middle), part(middle, end)
    low, high = request.first_stamp, request.last_stamp
    if (high - low) // 2 < HALF_HOUR:
        return None
    middle = (low + (high - low) // 2).replace(microsecond=0)
    return part(start, end, (low, middle - _SECOND)), part(start, end, (middle, high))
