"""Verification: what should be there, what the source has, what is stored, what is loaded, day by day.

What a day holds is compared with what it should hold (collector/days.py); the source says how many rows it has of each
settlement period, where it can be asked (/data-status); the object says how many were fetched; the table how many were
loaded. What the source itself lacks is told but is no failure; what is lost on our side always is one, and so is a
source that stands still or has stopped.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from google.api_core.exceptions import GoogleAPIError
from google.auth.exceptions import GoogleAuthError

from collector import days
from collector.base.errors import Stopped, first_line, internal
from collector.base.gb_calendar import day_end, settlement_day, utc_now, utc_text
from collector.base.process import Stop, log, side_by_side, together
from collector.days import AROUND, Lack, Life, State, Stored, Task, series_lives
from collector.registry.model import Dataset
from collector.source.errors import Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import Api
from collector.storage.day_objects import DayObject, DayStore
from collector.verify.quality import Finding
from collector.verify.source_counts import Comparison, Counts, source_counts
from collector.verify.table_counts import Metadata, read_table
from collector.warehouse.layout import Loaded, is_loaded
from collector.warehouse.schema import unfit
from collector.warehouse.tables import Warehouse

# Days that a verification after a load asks the source about: two requests a dataset.
_YOUNG = timedelta(days=58)
# So many datasets are looked at side by side: of each the listing is held in memory meanwhile.
AT_ONCE = 8


# What each state means and what mends it; COMPLETE needs no words.
MEANINGS = {
    State.SURPLUS: "rows in the table without a stored day; run the downloader, then the loader for them",
    State.ALTERED: "the stored object is not what was uploaded; run the downloader, then the loader for them",
    State.DIFFERS: "the table's rows are not those that were loaded; run the loader with --force for them",
    State.BEHIND: "the source has more than was fetched; the next run of the downloader fetches them",
    State.MISSING: "not stored; run the downloader for them",
    State.UNLOADED: "stored but not loaded; run the loader for them",
    State.EMPTY: "the source has nothing",
    State.SHORT: "the source lacks a part",
    State.BEFORE: "the source begins later",
}
# Of the JSON for machines, see docs/schema.md: raised when a name goes or changes its meaning. 1 had days as bare arrays.
SCHEMA_VERSION = 2
# Losses on our side: these fail the verification.
LOSSES = frozenset({State.SURPLUS, State.ALTERED, State.DIFFERS, State.BEHIND, State.MISSING, State.UNLOADED})


@dataclass(frozen=True)
class Day:
    """One settlement day and its four counts of rows; None where a count cannot be known. lacks: what it lacks.
    is_final: it is not read again. since: when the source first answered what is stored (aware UTC)."""

    day: date
    state: State
    expected: int | None
    stored: int | None
    loaded: int
    source: int | None
    lacks: tuple[Lack, ...] = ()
    is_final: bool = True
    since: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """For machines; null where a number cannot be known."""
        return {
            "day": self.day.isoformat(), "state": self.state.value, "rows_expected": self.expected, "rows_stored": self.stored,
            "rows_loaded": self.loaded, "rows_at_source": self.source,
        }  # fmt: skip


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
    alarms: list[str] = field(default_factory=list)
    series: list[Life] = field(default_factory=list)
    first: date | None = None
    last: date | None = None
    fetched: datetime | None = None
    days: list[Day] = field(default_factory=list)
    months: dict[str, list[int]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    error: str = ""
    unasked: str = ""
    seconds: float = 0.0
    commands: list[str] = field(default_factory=list)

    def add(self, found: Day, kept: DayObject | None, entry: Loaded | None) -> None:
        """Count one more day, the days in their order. kept, entry: its object, and what the ledger has of it."""
        self.days.append(found)
        self.rows_loaded += found.loaded
        month = self.months.setdefault(f"{found.day:%Y-%m}", [0, 0])
        month[0] += found.loaded
        if kept is None:
            return
        self.stored += 1
        self.rows_stored += max(kept.rows, 0)
        self.bytes_stored += kept.size
        month[1] += kept.size
        if kept.fetched and (self.fetched is None or kept.fetched > self.fetched):
            self.fetched = kept.fetched
        self.provisional += not found.is_final
        if entry and found.state not in (State.UNLOADED, State.DIFFERS):
            self.loaded += 1
            self.duplicates += entry.object_rows - entry.table_rows
            self.conflicts += entry.conflicts
            if found.loaded or self.dataset.often_empty:
                self.first, self.last = self.first or found.day, found.day

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
        counts = Counter(day.state for day in self.days)
        return {state.value: counts[state] for state in State if counts[state]}

    @property
    def ok(self) -> bool:
        """Whether all that should be there is. What the source itself lacks does not count against it."""
        return not self.error and not self.alarms and not any(day.state in LOSSES for day in self.days)

    @property
    def verdicts(self) -> list[tuple[date, Lack]]:
        """What the days lack, oldest first; of days that are still being published nothing is said."""
        return [(day.day, lack) for day in self.days if day.state is not State.PROVISIONAL for lack in day.lacks]

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
            "unloaded_days": texts(State.UNLOADED), "differing_days": texts(State.DIFFERS), "altered_days": texts(State.ALTERED),
            "behind_source_days": texts(State.BEHIND),
            "surplus_days": texts(State.SURPLUS), "short_days": texts(State.SHORT), "empty_days": texts(State.EMPTY),
            "provisional_days": self.provisional, "states": self.states,
            "days": [day.as_json() for day in self.days if day.state is not State.COMPLETE],
            "verdicts": [
                {
                    "day": day.isoformat(), "kind": lack.kind.value, "count": lack.count,
                    "first": utc_text(lack.first) if lack.first else None, "about": lack.about, "text": str(lack),
                    "periods": lack.periods, "periods_cut": lack.is_cut, "series": lack.series,
                }
                for day, lack in self.verdicts
            ],
            "series": [
                {
                    "name": life.name, "first_day": life.first.isoformat(), "last_day": life.last.isoformat(),
                    "pauses": [[first.isoformat(), last.isoformat()] for first, last in life.pauses],
                }
                for life in self.series
            ],
            "alarms": self.alarms, "commands": self.commands,
            "findings": [finding.as_json() for finding in self.findings],
            "source_not_asked": self.unasked, "error": self.error, "ok": self.ok,
        }  # fmt: skip


# ---------------------------------------------------------------------------------------------- comparing
def verify(
    task: Task, warehouse: Warehouse, store: DayStore, now: datetime, source: Counts | None = None,
    content: bool = True, since: datetime | None = None, metadata: Metadata | None = None,
    listed: Stored | None = None,
) -> Verification:  # fmt: skip
    """Compare the calendar, the source's counts where given, the objects, the ledger and the table, day by day.

    content: also check the values in the table. since: see read_table. metadata: shared by several datasets, so that
    all are asked for at one time. listed: the stored days, where they are known. Days that the source has more of are
    noted in the bucket, so that the next download asks for them.
    """
    dataset = task.dataset
    v = Verification(dataset)
    metadata = metadata or Metadata(warehouse)
    if listed is None and task.days:
        objects, _ = together(
            lambda: store.list(dataset, task.first - AROUND, task.last + AROUND), lambda: metadata.look(dataset)
        )
        listed = Stored(objects)
    stored = listed or Stored({})
    expected = task.expected(now, stored)
    v.expected = len(expected)
    if not expected:
        v.alarms = days.alarms(task, stored, now) if dataset.endpoint.is_snapshot else []
        return v
    table, ledger = metadata.look(dataset)
    counts, digests, odd = read_table(task, metadata, table, ledger, content, since) if table else ({}, {}, [])
    comparison = Comparison(dataset, stored, source or {})
    for day in expected:
        count = counts.pop(day, 0)
        found = _day(dataset, day, stored, ledger.get(day), count, digests.get(day), comparison, now)
        v.add(found, stored.get(day), ledger.get(day))
    _before_its_beginning(v, task)
    v.days += [Day(day, State.SURPLUS, None, None, count, None) for day, count in sorted(counts.items())]
    v.rows_loaded += sum(counts.values())
    v.alarms = days.alarms(task, stored, now)
    if table and (cause := unfit(dataset, table)):
        v.alarms.append(cause)
    if dataset.grid and dataset.series and not dataset.settlement_runs:
        v.series = series_lives(dataset, stored, task.first, task.last)
    _mark_behind(v, stored, store, now)
    if v.rows_loaded:
        v.findings = [*_series_findings(v), *comparison.findings(expected), *odd]
    return v


def _day(
    dataset: Dataset,
    day: date,
    stored: Stored,
    entry: Loaded | None,
    count: int,
    digest: int | None,
    comparison: Comparison,
    now: datetime,
) -> Day:
    """How a day stands. count, digest: of its rows in the table; digest None: they were not read."""
    kept, here = stored.get(day), comparison.total(day)
    if kept is None:
        expected = days.expected_rows(dataset, day, stored)
        return Day(day, State.SURPLUS if count else State.MISSING, expected, None, count, here, is_final=False)
    judged = days.judge(dataset, kept, stored, now)
    found = judged.lacks
    expected = days.expected_rows(dataset, day, stored, found)
    state = judged.state
    if kept.is_altered:
        state = State.ALTERED
    elif entry is None or not is_loaded(entry, kept.identity):
        state = State.UNLOADED
    elif (
        count != entry.table_rows
        or entry.object_rows != kept.rows
        or (digest is not None and entry.digest not in (None, digest))
    ):
        state = State.DIFFERS
    elif now >= day_end(day) + dataset.whole_after and (behind := comparison.behind(day)):
        if not comparison.is_final(day):
            state = State.BEHIND
        found = (*found, behind)
    return Day(day, state, expected, kept.rows, count, here, found, judged.is_final, kept.first_fetched)


def _before_its_beginning(v: Verification, task: Task) -> None:
    """The empty days with which a dataset's table begins are no gaps: the source begins after them."""
    if task.first > task.dataset.first_day:
        return
    for at, day in enumerate(v.days):
        if day.state is not State.EMPTY or not day.is_final:
            if any(later.loaded for later in v.days[at:]):
                v.days[:at] = [replace(early, state=State.BEFORE) for early in v.days[:at]]
            return


def _mark_behind(v: Verification, stored: Stored, store: DayStore, now: datetime) -> None:
    """Note of each day that the source has more of that it is to be asked for again."""
    for day in v.of(State.BEHIND):
        if stored[day].behind is None:
            try:
                store.mark(stored[day], behind_at=now)
            except (GoogleAPIError, OSError) as error:
                log.warning(
                    "%s: %s is behind the source, which cannot be noted in the bucket (%s); run the downloader with --force for it",
                    v.dataset.key, day, first_line(error),
                )  # fmt: skip


def _series_findings(v: Verification) -> list[Finding]:
    """Series that come, pause or go within the range, once each; those that the registry does not know first."""
    if not v.series:
        return []
    whole = [day.day for day in v.days if day.loaded]
    found = []
    new = [life for life in v.series if life.name not in v.dataset.known_series]
    if new:
        examples = tuple(f"{life.name}: {life.first} to {life.last}" for life in new[:3])
        found.append(Finding("new series", "", len(new), "series that the registry does not know", examples))
    moved = [life for life in v.series if life.pauses or life.first > whole[0] or life.last < whole[-1]]
    if moved:
        examples = tuple(
            f"{life.name}: {life.first} to {life.last}" + (f", {len(life.pauses)} pauses" if life.pauses else "")
            for life in moved[:8]
        )
        found.append(
            Finding("series", "", len(moved), "series begin, pause or end within the range", examples, is_warning=False)
        )
    return found


def verify_all(
    tasks: Sequence[Task], warehouse: Warehouse, store: DayStore, api: Api | None, stop: Stop, content: bool = True,
    since: datetime | None = None, tell: Callable[[int, str], None] = lambda done, under_way: None,
) -> list[Verification]:  # fmt: skip
    """Verify each dataset, several side by side, for most of it is waiting; that one cannot be is told in its `error`. api:
    where to ask what the source has; content, since: see verify; tell: is told how many are done, and which was last."""
    now, found, unanswered = utc_now(), dict[str, Verification](), list[str]()
    # Where whole tables are read, minutes may pass between the first and the last.
    metadata = Metadata(warehouse, [task.dataset for task in tasks] if since else [])

    def one(task: Task) -> None:
        began = time.monotonic()
        source, unasked = _asked(task, api, now, since, unanswered)
        found[task.dataset.key] = v = attempt(
            task.dataset, lambda: verify(task, warehouse, store, now, source, content, since, metadata)
        )
        v.unasked = unasked
        v.seconds = time.monotonic() - began

    def tick() -> None:
        stop.check()
        done = list(found)
        tell(len(done), done[-1] if done else "")

    side_by_side((partial(one, task) for task in tasks), workers=AT_ONCE, ahead=AT_ONCE, name="verify", tick=tick)
    tell(len(found), "")
    return [found[task.dataset.key] for task in tasks]


def _asked(
    task: Task, api: Api | None, now: datetime, since: datetime | None, unanswered: list[str]
) -> tuple[Counts | None, str]:
    """What the source has of a dataset, and why it could not be asked. unanswered: why an API that is down does not answer
    for the other datasets either."""
    if not (api and task.dataset.data_status and task.days):
        return None, ""
    try:
        if unanswered:
            raise Unavailable(unanswered[0])
        # What is older than this is asked for when all is read.
        first = task.first if since is None else max(task.first, settlement_day(now) - _YOUNG)
        return (source_counts(api, task.dataset, first, task.last) if first <= task.last else None), ""
    except (Refused, Unavailable, WindowTooLong, WrongAnswer) as error:
        unasked = f"the source could not be asked what it has: {first_line(error)}"
        if isinstance(error, Unavailable):
            unanswered.append(str(error))
    except Stopped:
        raise
    except Exception as error:
        log.debug("%s: internal error", task.dataset.key, exc_info=True)
        unasked = f"the source could not be asked what it has: {internal(error)}"
    log.warning("%s: %s", task.dataset.key, unasked)
    return None, unasked


def attempt(dataset: Dataset, work: Callable[[], Verification]) -> Verification:
    """What `work` found of a dataset, or that it could not be verified."""
    try:
        return work()
    except (GoogleAPIError, GoogleAuthError, OSError) as error:
        return Verification(dataset, error=f"cannot be verified: {first_line(error)}")
    except Stopped:
        raise
    except Exception as error:
        log.debug("%s: internal error", dataset.key, exc_info=True)
        return Verification(dataset, error=f"cannot be verified: {internal(error)}")
