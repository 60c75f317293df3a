"""Verification: what should be there, what the source has, what is stored, what is loaded, day by day.

Four counts are compared. The calendar says how many rows a day should have, where that can be known; the source says
how many it has, where it can be asked (/data-status); the object says how many were fetched; the table how many were
loaded. What the source itself lacks is told but is no failure; what is lost on our side always is one.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from collector import command_line, runtime
from collector.gb_calendar import ONE_DAY, day_start, utc_now, utc_text
from collector.quality import Finding, findings
from collector.runtime import Stop, Stopped, Task, log
from datasets_config import Dataset, Host
from enhanced_elexon_neso_downloader import days_text, is_short, needs_reading

if TYPE_CHECKING:
    from collector.api import Api
    from collector.store import DayObject, DayStore
    from collector.warehouse import Loaded
    from enhanced_bigquery_loader import Warehouse

# /data-status takes 31 days at most; one of them is the day before the first (see source_counts).
_STATUS_DAYS = 30
# 31 days of 50 periods, at about 90 bytes each, are 140 kB.
_STATUS_LIMIT = 1_000_000
_STATUS_WORKERS = 8


class State(Enum):
    """How a day stands, worst first. A day has one: the first that is true of it."""

    SURPLUS = "surplus"
    DIFFERS = "differing"
    BEHIND = "behind source"
    MISSING = "missing"
    UNLOADED = "not loaded"
    EMPTY = "empty at source"
    SHORT = "short at source"
    PROVISIONAL = "provisional"
    COMPLETE = "complete"


# What each state means and what mends it; COMPLETE needs no words.
MEANINGS = {
    State.SURPLUS: "rows in the table without a stored day; run the downloader, then the loader for them",
    State.DIFFERS: "the table's rows are not those that were loaded; run the loader with --force for them",
    State.BEHIND: "the source has more than was fetched; run the downloader with --force, then the loader for them",
    State.MISSING: "not stored; run the downloader for them",
    State.UNLOADED: "stored but not loaded; run the loader for them",
    State.EMPTY: "the source answered twice that it has nothing",
    State.SHORT: "the source has fewer rows than the calendar says",
}
# Losses on our side: these fail the verification.
LOSSES = frozenset({State.SURPLUS, State.DIFFERS, State.BEHIND, State.MISSING, State.UNLOADED})


@dataclass(frozen=True)
class Day:
    """One settlement day and its four counts of rows; None where a count cannot be known."""

    day: date
    state: State
    expected: int | None
    stored: int | None
    loaded: int
    source: int | None

    def as_json(self) -> list[Any]:
        """[day, state, expected, object, table, source]."""
        return [self.day.isoformat(), self.state.value, self.expected, self.stored, self.loaded, self.source]


@dataclass
class Verification:
    """The state of one dataset over a range: what should be there, what is stored, what is loaded."""

    dataset: Dataset
    expected: int = 0
    stored: int = 0
    loaded: int = 0
    rows_stored: int = 0
    rows_loaded: int = 0
    bytes_stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    provisional: int = 0
    first: date | None = None
    last: date | None = None
    fetched: datetime | None = None
    days: list[Day] = field(default_factory=list)
    months: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    error: str = ""
    unasked: str = ""
    seconds: float = 0.0

    def of(self, *states: State) -> list[date]:
        """The days in one of these states, oldest first."""
        return [day.day for day in self.days if day.state in states]

    @property
    def missing(self) -> list[date]:
        """The days without an object, whether or not the table has rows of them."""
        return [day.day for day in self.days if day.stored is None]

    @property
    def states(self) -> dict[str, int]:
        """Days in each state; those that occur, worst first."""
        counts = {state.value: 0 for state in State}
        for day in self.days:
            counts[day.state.value] += 1
        return {name: count for name, count in counts.items() if count}

    @property
    def ok(self) -> bool:
        """Whether all that should be there is. What the source itself lacks does not count against it."""
        return not self.error and not any(day.state in LOSSES for day in self.days)

    def as_json(self) -> dict[str, Any]:
        """For machines. `days` has those that are not complete."""

        def texts(*states: State) -> list[str]:
            return [day.isoformat() for day in self.of(*states)]

        return {
            "dataset": self.dataset.key, "table": self.dataset.table, "days_expected": self.expected, "days_stored": self.stored,
            "days_loaded": self.loaded, "rows_stored": self.rows_stored, "rows_loaded": self.rows_loaded,
            "bytes_stored": self.bytes_stored, "duplicate_rows": self.duplicates, "conflicting_keys": self.conflicts,
            "first_day": self.first.isoformat() if self.first else None, "last_day": self.last.isoformat() if self.last else None,
            "last_fetch": utc_text(self.fetched) if self.fetched else None,
            "missing_days": [day.isoformat() for day in self.missing],
            "unloaded_days": texts(State.UNLOADED), "differing_days": texts(State.DIFFERS), "behind_source_days": texts(State.BEHIND),
            "surplus_days": texts(State.SURPLUS), "short_days": texts(State.SHORT), "empty_days": texts(State.EMPTY),
            "provisional_days": self.provisional, "states": self.states,
            "days": [day.as_json() for day in self.days if day.state is not State.COMPLETE],
            "findings": [finding.as_json() for finding in self.findings],
            "source_not_asked": self.unasked, "error": self.error, "ok": self.ok,
        }  # fmt: skip


# ---------------------------------------------------------------------------------------------- what the source says
class _Point(msgspec.Struct, rename="camel"):
    """Records that the source holds of one settlement period."""

    settlement_date: date
    settlement_period: Annotated[int, msgspec.Meta(ge=0, le=100)]
    data_point_count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


class _Status(msgspec.Struct):
    data: list[_Point]


def source_counts(api: Api, dataset: Dataset, first: date, last: date) -> dict[date, int]:
    """How many records the source has of each settlement day; a day that it does not name is left out.

    The endpoint reads its dates as UTC days, so that in summer the first hour of the first settlement day lies in
    the UTC day before: that one is asked for too. Raises what Api.ask raises.
    """
    from collector.api import Traffic

    traffic = Traffic()

    def ask(begin: date) -> dict[date, int]:
        until = min(last, begin + timedelta(days=_STATUS_DAYS - 1))
        query = {"settlementDateFrom": (begin - ONE_DAY).isoformat(), "settlementDateTo": until.isoformat()}
        return api.ask(f"/data-status/{dataset.code}", query, _STATUS_LIMIT, partial(_read_status, begin, until), traffic)

    begins = [first + timedelta(days=days) for days in range(0, (last - first).days + 1, _STATUS_DAYS)]
    found: dict[date, int] = {}
    with ThreadPoolExecutor(_STATUS_WORKERS, "status") as pool:
        try:
            for counts in pool.map(ask, begins):
                found.update(counts)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _read_status(first: date, last: date, body: bytearray) -> dict[date, int]:
    """Counts by settlement day, of the days from first to last; the days at the edges come back incomplete."""
    from collector.records import Unparsable, WrongAnswer

    try:
        points = msgspec.json.decode(body, type=_Status).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unparsable(f"the answer is no data status: {error}") from None
    counts: dict[date, int] = {}
    for point in points:
        if not first - ONE_DAY <= point.settlement_date <= last + ONE_DAY:
            raise WrongAnswer(f"asked for the status of {first} to {last}, the answer holds {point.settlement_date}")
        if first <= point.settlement_date <= last:
            counts[point.settlement_date] = counts.get(point.settlement_date, 0) + point.data_point_count
    return counts


# ---------------------------------------------------------------------------------------------- comparing
def verify(
    task: Task, warehouse: Warehouse, store: DayStore, now: datetime, source: dict[date, int] | None = None,
    content: bool = True,
) -> Verification:  # fmt: skip
    """Compare the calendar, the source's counts where given, the objects, the ledger and the table, day by day.

    content: also check the values in the table, which reads the whole range.
    """
    from collector.warehouse import counts_sql

    dataset = task.dataset
    v = Verification(dataset)
    expected = [day for day in task.days if day_start(day) <= now]
    v.expected = len(expected)
    if not expected:
        return v
    stored = store.list(dataset, task.first, task.last)
    table = warehouse.table(dataset.table)
    ledger = warehouse.ledger(dataset, table, task.first, task.last)
    counts: dict[date, int] = {}
    if table is not None:
        rows = warehouse.query(counts_sql(warehouse.table_id(dataset.table), task.first, task.last))
        counts = {r.settlement_date: r.row_count for r in rows}
    for day in expected:
        thing, entry, count = stored.get(day), ledger.get(day), counts.pop(day, 0)
        here = (source or {}).get(day)
        state = _state(dataset, day, thing, entry, count, here, now)
        wanted = dataset.rows.expected(day) if dataset.rows else None
        v.days.append(Day(day, state, wanted, thing.rows if thing else None, count, here))
        v.rows_loaded += count
        month = v.months.setdefault(f"{day:%Y-%m}", [0, 0])
        month[0] += count
        if thing is None:
            continue
        v.stored += 1
        v.rows_stored += max(thing.rows, 0)
        v.bytes_stored += thing.size
        month[1] += thing.size
        if thing.fetched and (v.fetched is None or thing.fetched > v.fetched):
            v.fetched = thing.fetched
        v.provisional += _is_provisional(dataset, thing, now)
        if entry and state not in (State.UNLOADED, State.DIFFERS):
            v.loaded += 1
            v.duplicates += entry.object_rows - entry.table_rows
            v.conflicts += entry.conflicts
            if count or dataset.often_empty:
                v.first, v.last = v.first or day, day
    v.days += [Day(day, State.SURPLUS, None, None, count, None) for day, count in sorted(counts.items())]
    v.rows_loaded += sum(counts.values())
    if v.rows_loaded:
        v.findings = _of_counts(v) + (findings(dataset, warehouse, task.first, task.last) if content else [])
    return v


def _is_provisional(dataset: Dataset, thing: DayObject, now: datetime) -> bool:
    """Whether the day will be read again: it can still change at the source, or has changed since it was read."""
    return now < dataset.final_after(thing.day) or needs_reading(dataset, thing, now)


def _state(
    dataset: Dataset, day: date, thing: DayObject | None, entry: Loaded | None, count: int, source: int | None, now: datetime
) -> State:
    if thing is None:
        return State.SURPLUS if count else State.MISSING
    if entry is None or entry.identity != thing.identity:
        return State.UNLOADED
    if count != entry.table_rows or entry.object_rows != thing.rows:
        return State.DIFFERS
    if _is_provisional(dataset, thing, now):
        return State.PROVISIONAL
    if source is not None and source > thing.rows * (1 + (dataset.data_status or 0.0)):
        return State.BEHIND
    if thing.rows == 0 and not dataset.often_empty:
        return State.EMPTY
    return State.SHORT if is_short(dataset, day, thing.rows) else State.COMPLETE


def _of_counts(v: Verification) -> list[Finding]:
    """What the counts themselves say that is no loss and yet worth a look."""
    more = [d for d in v.days if d.expected is not None and d.stored is not None and d.stored > d.expected]
    fewer = [d for d in v.days if d.source is not None and d.stored is not None and d.source < d.stored]
    found = []
    if more:
        found.append(Finding(
            "more than expected", "", len(more), "days have more rows than the calendar says; a series that the registry does not know?",
            tuple(f"{d.day}: {d.stored} rows, {d.expected} expected" for d in more[:3]),
        ))  # fmt: skip
    if fewer:
        found.append(Finding(
            "fewer at source", "", len(fewer), "days have fewer rows at the source now than were fetched",
            tuple(f"{d.day}: {d.stored} rows, {d.source} at the source" for d in fewer[:3]),
        ))  # fmt: skip
    return found


def source_api(settings: runtime.Settings, stop: Stop) -> Api:
    """Elexon's API for asking what it has. A verification without it is still one, so it is not waited for long."""
    from collector.api import RATE_CAP, Api

    return Api(
        settings.values[Host.ELEXON.value], cap=RATE_CAP[Host.ELEXON], stop=stop, connections=_STATUS_WORKERS,
        timeout=settings.http_timeout, key=settings.api_key, attempts=3,
    )  # fmt: skip


def verify_all(
    tasks: list[Task], warehouse: Warehouse, store: DayStore, api: Api | None, stop: Stop, content: bool = True
) -> list[Verification]:
    """Verify each dataset; that one cannot be is told in its `error`. api: where to ask what the source has; content:
    see verify."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    from collector.api import Refused, Unavailable, WindowTooLong
    from collector.records import WrongAnswer

    now = utc_now()
    found = []
    unanswered = ""
    for task in tasks:
        stop.check()
        began = time.monotonic()
        source: dict[date, int] | None = None
        unasked = ""
        if api and task.dataset.data_status is not None and task.days:
            try:
                if unanswered:
                    # It would not answer for this dataset either.
                    raise Unavailable(unanswered)
                source = source_counts(api, task.dataset, task.first, task.last)
            except (Refused, Unavailable, WindowTooLong, WrongAnswer) as error:
                unasked = f"the source could not be asked what it has: {runtime.first_line(error)}"
                log.warning("%s: %s", task.dataset.key, unasked)
                unanswered = str(error) if isinstance(error, Unavailable) else ""
            except Stopped:
                raise
            except Exception as error:
                log.debug("%s: internal error", task.dataset.key, exc_info=True)
                unasked = f"the source could not be asked what it has: {runtime.internal(error)}"
                log.warning("%s: %s", task.dataset.key, unasked)
        try:
            v = verify(task, warehouse, store, now, source, content)
        except (GoogleAPIError, GoogleAuthError, OSError) as error:
            v = Verification(task.dataset, error=f"cannot be verified: {runtime.first_line(error)}")
        except Stopped:
            raise
        except Exception as error:
            log.debug("%s: internal error", task.dataset.key, exc_info=True)
            v = Verification(task.dataset, error=f"cannot be verified: {runtime.internal(error)}")
        v.unasked = unasked
        v.seconds = time.monotonic() - began
        found.append(v)
    return found


# ---------------------------------------------------------------------------------------------- telling
def verification_text(found: list[Verification]) -> str:
    """The verification as a table, with the days that are not right, and what looks odd, below it."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "EXPECTED", "STORED", "LOADED", "MISSING", "SHORT", "EMPTY", "PROVISIONAL", "ROWS STORED", "ROWS IN TABLE", "FIRST DAY", "LAST DAY", "RESULT")
    ]  # fmt: skip
    for v in found:
        rows.append((
            v.dataset.key, str(v.expected), str(v.stored), str(v.loaded), str(len(v.missing)), str(len(v.of(State.SHORT))), str(len(v.of(State.EMPTY))),
            str(v.provisional), f"{v.rows_stored:,}", f"{v.rows_loaded:,}", str(v.first or "-"), str(v.last or "-"), "ok" if v.ok else "NOT OK",
        ))  # fmt: skip
    lines = [command_line.table(rows, frozenset(range(1, 10)))]
    for v in found:
        key = v.dataset.key
        lines += [line for _, line in _gaps(v)]
        if v.duplicates:
            lines.append(f"{key}: {v.duplicates} rows of the objects are repetitions or superseded; {v.conflicts} keys conflict")
        lines += [command_line.printable(f"{key}: {finding}") for finding in v.findings]
        lines += [f"{key}: {note}" for note in (v.unasked, v.error) if note]
    return "\n".join(lines)


def _gaps(v: Verification) -> list[tuple[State, str]]:
    """The days that are not as they should be, by state, with what each state means and what mends it."""
    return [(state, f"{v.dataset.key}: {state.value}: {days_text(days)} ({why})") for state, why in MEANINGS.items() if (days := v.of(state))]


def log_gaps(found: list[Verification]) -> None:
    """Tell the same in the log: losses as errors, what the source itself lacks as information."""
    for v in found:
        for state, line in _gaps(v):
            (log.error if state in LOSSES else log.info)("%s", line)
        if v.error:
            log.error("%s: %s", v.dataset.key, v.error)


def log_findings(found: list[Verification]) -> None:
    """Tell the findings in the log: what is ordinary as information, the rest as warnings."""
    for v in found:
        for finding in v.findings:
            (log.warning if finding.is_warning else log.info)("%s: %s", v.dataset.key, finding)
