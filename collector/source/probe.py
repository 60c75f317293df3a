"""First contact with a live source: does each entry of the registry say what the API does? And later: has it drifted?

Two requests a dataset: one small window of days that should be whole by now, one at the first day that is claimed.
Nothing is stored.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from collector.base.errors import internal
from collector.base.gb_calendar import ONE_DAY, day_end, day_start, parse_utc, settlement_day
from collector.base.process import Stop
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import printable
from collector.registry.model import COMPUTED, Column, Dataset, Files, Source
from collector.source.ckan import Portal, Unresolved, resolve
from collector.source.csv_records import Broken, FileReader, Told, Unknown
from collector.source.errors import Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_records import DayRecords, read_answer, value_of
from collector.source.json_split import decode, split
from collector.source.requests import DataRequest, Request, requests_of

# So much of an answer is asked for at most; larger sets are asked for a part of a day.
_SMALL = 3_000_000
# A number of rows is another one when it is so many times more or less.
_APART = 3.0
# Files that may be larger are not fetched, bytes; which of them there are is told all the same.
_LARGEST = 100_000_000
# Records that are looked into.
_SAMPLE = 2_000
_FAMILIES = Path(__file__).resolve().parent.parent / "registry"
CONFIRMED, DIFFERENT, UNANSWERED = "confirmed", "different", "not answered"


@dataclass(frozen=True)
class Difference:
    """What the registry says and what was seen."""

    what: str
    claimed: str
    seen: str

    def __str__(self) -> str:
        return f"{self.what}: {self.claimed} -> {self.seen}"


@dataclass
class Probe:
    """What was seen of one dataset. rows: of the recent window; lag: hours from an instant to its publication, at the middle."""

    dataset: Dataset
    window: str = ""
    rows: int = 0
    lag: float | None = None
    cause: str = ""
    differences: list[Difference] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        return UNANSWERED if self.cause else DIFFERENT if self.differences else CONFIRMED

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        differences = [{"what": one.what, "claimed": one.claimed, "seen": one.seen} for one in self.differences]
        return {
            "dataset": self.dataset.key, "verdict": self.verdict, "window": self.window, "rows": self.rows, "lag_hours": self.lag,
            "cause": self.cause, "entry": entry_of(self.dataset), "differences": differences,
        }  # fmt: skip


def entry_of(dataset: Dataset) -> str:
    """Where the entry stands: file and line. Of several that differ little it is the line with its key."""
    families = {path: path.read_text(encoding="utf-8").splitlines() for path in sorted(_FAMILIES.glob("*.py"))}
    for sign in (f'key="{dataset.key}"', f'"{dataset.key}",'):
        for path, lines in families.items():
            for number, line in enumerate(lines, 1):
                if sign in line:
                    return f"collector/registry/{path.name}:{number}"
    return ""


def probe_all(datasets: Sequence[Dataset], apis: Mapping[Source, Api], stop: Stop, now: datetime) -> list[Probe]:
    """Ask each of these datasets; an API that is down is told once for each and not asked again. Raises Stopped."""
    found = []
    for dataset in datasets:
        stop.check()
        one = Probe(dataset)
        api = apis[dataset.source]
        try:
            if api.down:
                raise Unavailable(api.trouble)
            _probe(one, api, now)
        except (Refused, Unavailable, WindowTooLong, WrongAnswer) as error:
            one.cause = printable(str(error))[:300]
        except Exception as error:
            one.cause = internal(error)
        found.append(one)
    return found


def _probe_files(one: Probe, files: Files, api: Api, now: datetime) -> None:
    """Which files there are, and whether the newest that is not large has the form that the entry says."""
    traffic, today, portal = Traffic(), settlement_day(now), Portal(api)
    try:
        placed, gaps = resolve(files, portal.resources(files.package, traffic), one.dataset.first_day, today)
    except Unresolved as error:
        one.differences.append(Difference("resource", files.resource, str(error)[:200]))
        return
    one.differences += [Difference("files", "one of each period", gap[:200]) for gap in gaps]
    newest = placed[-1]
    one.window = f"{newest.name} ({newest.file_name})"
    reader = FileReader(one.dataset, files, Told(newest.file_name, newest.modified or now))
    try:
        if newest.is_table:
            names, one.rows = portal.shape(newest, traffic)
            reader.names_of(names)
        elif files.most * 1_000_000 <= _LARGEST:
            with tempfile.TemporaryFile() as spool:
                api.fetch(Request(path=newest.path, limit=files.most * 1_000_000), spool, traffic)
                one.rows = reader.judge(spool).rows
    except (Broken, Unknown) as error:
        one.differences.append(Difference("file", "of the form that the entry says", str(error)[:200]))


def _probe(one: Probe, api: Api, now: datetime) -> None:
    dataset = one.dataset
    if dataset.files:
        _probe_files(one, dataset.files, api, now)
        return
    recent = _recent(dataset, now)
    one.window = f"{recent.start:%Y-%m-%dT%H:%MZ} to {recent.end:%Y-%m-%dT%H:%MZ}"
    records, is_ours = _ask(api, recent)
    one.rows = len(records)
    if is_ours:
        one.differences.append(Difference("answer", "of the window that was asked for", is_ours))
    one.differences += _fields(dataset, records)
    one.differences += _size(dataset, recent, len(records))
    one.lag = _lag(dataset, records)
    if dataset.asked.stamp and one.lag is not None and timedelta(hours=one.lag) > dataset.asked.reach:
        one.differences.append(
            Difference("reach", f"{dataset.asked.reach}", f"published {one.lag:.1f} h after the instant")
        )
    if dataset.endpoint.is_snapshot or dataset.often_empty or dataset.kind == "event":
        return
    first = _window(dataset, dataset.first_day)
    early, is_ours = _ask(api, first)
    if not early or is_ours:
        one.differences.append(Difference("first_day", str(dataset.first_day), is_ours or "nothing of that day"))


def _recent(dataset: Dataset, now: datetime) -> DataRequest:
    if dataset.endpoint.is_snapshot:
        return _window(dataset, settlement_day(now))
    behind = max(dataset.whole_after, dataset.not_before or timedelta(0)) + ONE_DAY
    last = min(settlement_day(now - behind), dataset.last_day or date.max)
    # A whole window of a small set tells whether so many days may be asked for.
    days = max(1, min(dataset.asked.max_days, _SMALL // max(dataset.bytes_per_day, 1)))
    return _window(dataset, max(dataset.first_day, last - (days - 1) * ONE_DAY), last)


def _window(dataset: Dataset, first: date, last: date | None = None) -> DataRequest:
    """The request for these days; for an hour of the first where a day is large, and for one settlement period or side."""
    start, end = day_start(first), day_end(last or first)
    if dataset.bytes_per_day > _SMALL and "from" in dataset.asked.placeholders:
        end = start + timedelta(hours=1)
    return requests_of(dataset, start, end)[0]


def _ask(api: Api, request: DataRequest) -> tuple[list[dict[str, Any]], str]:
    """The first records of the answer, and why they are not what was asked for; "" when they are."""

    def read(body: bytearray) -> tuple[list[dict[str, Any]], str]:
        try:
            days: Mapping[date, DayRecords] = read_answer(request, bytes(body)).days
        except WrongAnswer as error:
            # All the same the fields can be told.
            return [whole for record in split(bytes(body))[:_SAMPLE] if isinstance(whole := decode(record), dict)], str(
                error
            )
        lines = (line for day in days.values() for piece in day.lines() for line in piece)
        return [decode(line) for line in lines], ""

    return api.ask(request, read, Traffic())


# ------------------------------------------------------------------------------------------------------- what differs
def _fields(dataset: Dataset, records: Sequence[dict[str, Any]]) -> Iterator[Difference]:
    """Fields that are not known, that do not come, that are of another type, that are null where they may not be."""
    sample = records[:_SAMPLE]
    if not sample:
        return
    seen = {name for record in sample for name in record}
    known = {name.partition(".")[0] for name in dataset.source_fields}
    if unknown := sorted(seen - known):
        yield Difference("fields", "all of a record are known", f"also {', '.join(unknown)}")
    ours = {column.source.partition(".")[0] for column in dataset.columns if column.source not in COMPUTED}
    if missing := sorted(ours - seen):
        yield Difference("fields", ", ".join(missing), "in no record")
    for column in dataset.columns:
        if column.source in COMPUTED or column.source.startswith("@"):
            continue
        values = [value_of(record, column.source) for record in sample]
        if wrong := next((value for value in values if value is not None and not _fits(value, column)), None):
            yield Difference(f"type of {column.source}", column.type, f"{wrong!r}"[:80])
        nulls = sum(1 for value in values if value is None)
        if column.required and nulls:
            yield Difference(f"{column.source}!", "in every record", f"null in {nulls} of {len(values)}")


def _fits(value: Any, column: Column) -> bool:
    """Whether a value becomes one of the column, as the SQL reads it."""
    if column.type == "JSON":
        return True
    if isinstance(value, (list, dict)):
        return False
    text = json.dumps(value) if isinstance(value, (bool, int, float)) else str(value)
    patterns = {
        "INT64": r"-?\d+(\.0+)?", "FLOAT64": r"-?\d+(\.\d+)?([eE][-+]?\d+)?", "BOOL": "true|false", "DATE": r"\d{4}-\d\d-\d\d",
    }  # fmt: skip
    if column.type == "TIMESTAMP":
        return _instant(text) is not None
    return column.type not in patterns or bool(re.fullmatch(patterns[column.type], text))


def _size(dataset: Dataset, request: DataRequest, rows: int) -> Iterator[Difference]:
    """Rows a day, where the number of them says anything."""
    if dataset.often_empty or dataset.kind in ("event", "snapshot") or "period" in dataset.asked.placeholders:
        return
    days = (request.end - request.start) / ONE_DAY
    sides = dataset.requests(date(2024, 6, 1), date(2024, 6, 1))
    claimed, seen = dataset.rows_per_day, rows * sides / days
    if not rows:
        yield Difference("rows_per_day", f"{claimed:,}", "nothing in the recent window")
    elif not 1 / _APART <= seen / claimed <= _APART:
        yield Difference("rows_per_day", f"{claimed:,}", f"about {seen:,.0f}")


def _lag(dataset: Dataset, records: Sequence[dict[str, Any]]) -> float | None:
    """Hours from instant to publication, at the middle of the records; None where they do not tell."""
    if len(dataset.instant.fields) != 1 or dataset.instant.is_date:
        return None
    pairs = (
        (_instant(record.get(dataset.instant.fields[0])), _instant(record.get("publishTime"))) for record in records
    )
    lags = [(published - instant).total_seconds() / 3_600 for instant, published in pairs if instant and published]
    return round(median(lags), 2) if lags else None


def _instant(value: Any) -> datetime | None:
    try:
        return parse_utc(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def probe_text(found: Sequence[Probe], screen: Screen = EVERYTHING) -> str:
    """What was seen as a table, and below it each difference with the place of its entry."""
    rows: list[tuple[str, ...]] = [("DATASET", "VERDICT", "ROWS", "LAG H", "WINDOW")]
    rows += [
        (one.dataset.key, one.verdict, f"{one.rows:,}", "" if one.lag is None else f"{one.lag:g}", one.window)
        for one in found
    ]
    lines = []
    for one in found:
        lines += [f"{entry_of(one.dataset)} {one.dataset.key}: {difference}" for difference in one.differences]
        lines += [f"{one.dataset.key}: {one.cause}"] if one.cause else []
    counts = {
        verdict: sum(1 for one in found if one.verdict == verdict) for verdict in (CONFIRMED, DIFFERENT, UNANSWERED)
    }
    lines.append("; ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ". Nothing was stored.")
    return "\n".join((screen.table(rows, frozenset({2, 3}), ("WINDOW", "LAG H", "ROWS")), *map(screen.prose, lines)))
