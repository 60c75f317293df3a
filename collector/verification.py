"""Verification: what should be there, what the source has, what is stored, what is loaded, day by day.

What a day holds is compared with what it should hold (collector/days.py); the source says how many rows it has of each
settlement period, where it can be asked (/data-status); the object says how many were fetched; the table how many were
loaded. What the source itself lacks is told but is no failure; what is lost on our side always is one, and so is a
source that stands still or has stopped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property, partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from collector import command_line, days, runtime
from collector.days import APART, AROUND, Kind, Lack, Life, State, Stored, Task, days_text, series_lives
from collector.gb_calendar import ONE_DAY, day_end, period_start, periods_in, settlement_day, utc_now, utc_text
from collector.quality import Finding, findings, read_content, unread
from collector.runtime import Stop, Stopped, log
from datasets_config import Dataset, Host

if TYPE_CHECKING:
    from google.cloud import bigquery

    from collector.api import Api
    from collector.store import DayStore
    from collector.warehouse import Loaded
    from enhanced_bigquery_loader import Warehouse

# /data-status takes 31 days at most; one of them is the day before the first (see source_counts).
_STATUS_DAYS = 30
# 31 days of 50 periods, at about 90 bytes each, are 140 kB.
_STATUS_LIMIT = 1_000_000
_STATUS_WORKERS = 8
# Days that a verification after a load asks the source about: two requests a dataset.
_YOUNG = timedelta(days=58)
# So many of the things that days lack are told in words.
_TOLD = 10


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
# Losses on our side: these fail the verification.
LOSSES = frozenset({State.SURPLUS, State.ALTERED, State.DIFFERS, State.BEHIND, State.MISSING, State.UNLOADED})


@dataclass(frozen=True)
class Day:
    """One settlement day and its four counts of rows; None where a count cannot be known. lacks: what it lacks.
    is_final: it is not read again."""

    day: date
    state: State
    expected: int | None
    stored: int | None
    loaded: int
    source: int | None
    lacks: tuple[Lack, ...] = ()
    is_final: bool = True

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
            "unloaded_days": texts(State.UNLOADED), "differing_days": texts(State.DIFFERS), "altered_days": texts(State.ALTERED), "behind_source_days": texts(State.BEHIND),
            "surplus_days": texts(State.SURPLUS), "short_days": texts(State.SHORT), "empty_days": texts(State.EMPTY),
            "provisional_days": self.provisional, "states": self.states,
            "days": [day.as_json() for day in self.days if day.state is not State.COMPLETE],
            "verdicts": [
                {
                    "day": day.isoformat(), "kind": lack.kind.value, "count": lack.count,
                    "first": utc_text(lack.first) if lack.first else None, "about": lack.about, "text": str(lack),
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
            "alarms": self.alarms,
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


Counts = dict[tuple[date, int], int]


def source_counts(api: Api, dataset: Dataset, first: date, last: date) -> Counts:
    """How many records the source has of each settlement period; one that it does not name is left out.

    The endpoint reads its dates as UTC days, so that in summer the first hour of the first settlement day lies in
    the UTC day before: that one is asked for too. Raises what Api.ask raises.
    """
    from collector.api import Traffic

    traffic = Traffic()

    def ask(begin: date) -> Counts:
        until = min(last, begin + timedelta(days=_STATUS_DAYS - 1))
        query = {"settlementDateFrom": (begin - ONE_DAY).isoformat(), "settlementDateTo": until.isoformat()}
        return api.ask(f"/data-status/{dataset.code}", query, _STATUS_LIMIT, partial(_read_status, begin, until), traffic)

    begins = [first + timedelta(days=days) for days in range(0, (last - first).days + 1, _STATUS_DAYS)]
    found: Counts = {}
    with ThreadPoolExecutor(_STATUS_WORKERS, "status") as pool:
        try:
            for counts in pool.map(ask, begins):
                found.update(counts)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found


def _read_status(first: date, last: date, body: bytearray) -> Counts:
    """Counts by settlement period, of the days from first to last; the days at the edges come back incomplete."""
    from collector.records import Unparsable, WrongAnswer

    try:
        points = msgspec.json.decode(body, type=_Status).data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unparsable(f"the answer is no data status: {error}") from None
    counts: Counts = {}
    for point in points:
        if not first - ONE_DAY <= point.settlement_date <= last + ONE_DAY:
            raise WrongAnswer(f"asked for the status of {first} to {last}, the answer holds {point.settlement_date}")
        if first <= point.settlement_date <= last:
            period = point.settlement_date, point.settlement_period
            counts[period] = counts.get(period, 0) + point.data_point_count
    return counts


# ---------------------------------------------------------------------------------------------- comparing
def verify(
    task: Task, warehouse: Warehouse, store: DayStore, now: datetime, source: Counts | None = None,
    content: bool = True, since: datetime | None = None, metadata: Metadata | None = None,
) -> Verification:  # fmt: skip
    """Compare the calendar, the source's counts where given, the objects, the ledger and the table, day by day.

    content: also check the values in the table. since: see _read_table. metadata: shared by several datasets, so that
    all are asked for at one time. Days that the source has more of are noted in the bucket, so that the next download
    asks for them.
    """
    from collector.warehouse import unfit

    dataset = task.dataset
    v = Verification(dataset)
    expected = task.expected(now)
    v.expected = len(expected)
    if not expected:
        return v
    stored = Stored(store.list(dataset, task.first - AROUND, task.last + AROUND))
    metadata = metadata or Metadata(warehouse)
    table, ledger = metadata.look(dataset)
    counts, digests, odd = _read_table(task, metadata, table, ledger, content, since) if table else ({}, {}, [])
    comparison = _Comparison(dataset, stored, source or {})
    for day in expected:
        count = counts.pop(day, 0)
        found = _day(dataset, day, stored, ledger.get(day), count, digests.get(day), comparison, now)
        v.days.append(found)
        v.rows_loaded += count
        month = v.months.setdefault(f"{day:%Y-%m}", [0, 0])
        month[0] += count
        kept, entry = stored.get(day), ledger.get(day)
        if kept is None:
            continue
        v.stored += 1
        v.rows_stored += max(kept.rows, 0)
        v.bytes_stored += kept.size
        month[1] += kept.size
        if kept.fetched and (v.fetched is None or kept.fetched > v.fetched):
            v.fetched = kept.fetched
        v.provisional += not found.is_final
        if entry and found.state not in (State.UNLOADED, State.DIFFERS):
            v.loaded += 1
            v.duplicates += entry.object_rows - entry.table_rows
            v.conflicts += entry.conflicts
            if count or dataset.often_empty:
                v.first, v.last = v.first or day, day
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
    dataset: Dataset, day: date, stored: Stored, entry: Loaded | None, count: int, digest: int | None, comparison: _Comparison, now: datetime
) -> Day:
    """How a day stands. count, digest: of its rows in the table; digest None: they were not read."""
    from collector.warehouse import is_loaded

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
    elif count != entry.table_rows or entry.object_rows != kept.rows or (digest is not None and entry.digest not in (None, digest)):
        state = State.DIFFERS
    elif now >= day_end(day) + dataset.whole_after and (behind := comparison.behind(day)):
        if not comparison.is_final(day):
            state = State.BEHIND
        found = (*found, behind)
    return Day(day, state, expected, kept.rows, count, here, found, judged.is_final)


class Metadata:
    """What is told of all tables without reading one, each for 10 MB: how many rows their partitions have, and what the
    ledger has of them, of `together` in one query. Both are asked for once, when first needed."""

    def __init__(self, warehouse: Warehouse, together: Sequence[Dataset] = ()) -> None:
        self.warehouse, self.together = warehouse, together

    def look(self, dataset: Dataset) -> tuple[bigquery.Table | None, dict[date, Loaded]]:
        """A dataset's table, None where there is none, and what the ledger has of it."""
        found = self._looked.get(dataset.key)
        return found or next(iter(self._look([dataset]).values()))

    @cached_property
    def _looked(self) -> dict[str, tuple[bigquery.Table | None, dict[date, Loaded]]]:
        from google.api_core.exceptions import GoogleAPIError

        try:
            return self._look(self.together)
        except GoogleAPIError:
            # Each asks for itself then, and tells what is wrong with its own.
            return {}

    def _look(self, datasets: Sequence[Dataset]) -> dict[str, tuple[bigquery.Table | None, dict[date, Loaded]]]:
        # In this order: what is published between the two questions makes them differ, never look alike.
        tables = {dataset.key: self.warehouse.table(dataset.table) for dataset in datasets}
        ledgers = self.warehouse.ledgers([(d, table) for d in datasets if (table := tables[d.key])], date.min, date.max)
        return {key: (table, ledgers.get(key, {})) for key, table in tables.items()}

    @cached_property
    def _rows(self) -> dict[tuple[str, str], int]:
        from collector.warehouse import partitions_sql

        return {(row.table_name, row.partition_id): row.total_rows for row in self.warehouse.query(partitions_sql(self.warehouse.prefix), step="partitions")}

    def doubtful(self, dataset: Dataset, days: set[date], ledger: dict[date, Loaded]) -> set[date]:
        """Those of `days` whose partitions have other numbers of rows than the ledger says."""
        from collector.warehouse import partition_of

        told: dict[str, int] = {}
        for day, entry in ledger.items():
            told[partition_of(dataset, day)] = told.get(partition_of(dataset, day), 0) + entry.table_rows
        return {day for day in days if self._rows.get((dataset.table, (part := partition_of(dataset, day))), 0) != told.get(part, 0)}


def _read_table(
    task: Task, metadata: Metadata, table: bigquery.Table, ledger: dict[date, Loaded], content: bool, since: datetime | None
) -> tuple[dict[date, int], dict[date, int], list[Finding]]:
    """Rows that the table has of each day of the task, the digests of those that are read as a whole, and what looks odd about
    the values where content is asked for. Where only rows are counted, or metadata read, changed values are not seen.

    ledger: of all days of the table. since None: every day is read. Otherwise what metadata tell is not read: the
    values are checked of the days published since then, with those that share a partition with one, for that reads no
    more, and the digests, if there are such: of what it published each transaction has just computed them; of the other days the ledger's counts are taken, if their partitions have the rows that the ledger says, or,
    which costs nothing at all, the table has (without content: a check of the values follows).
    """
    from google.api_core.exceptions import BadRequest

    from collector.warehouse import counts_sql, partition_of

    dataset, warehouse, days = task.dataset, metadata.warehouse, set(task.days)
    published = {day for day, entry in ledger.items() if since is None or entry.loaded_at >= since}
    touched = {partition_of(dataset, day) for day in published}
    fresh = days if since is None else {day for day in days if partition_of(dataset, day) in touched}
    with_digest = since is None or not fresh <= published
    counts: dict[date, int] = {}
    digests: dict[date, int] = {}
    odd: list[Finding] = []
    if content and fresh:
        try:
            rows = read_content(dataset, warehouse, fresh, with_digest)
            counts, odd = {row.settlement_date: row.row_count for row in rows}, findings(dataset, rows)
            digests = {row.settlement_date: row.digest for row in rows} if with_digest else {}
            days -= fresh
        except BadRequest as error:
            odd = [unread(error)]
    if since is None:
        uncounted = days
    elif not content and table.num_rows == sum(entry.table_rows for entry in ledger.values()):
        uncounted = set()
    else:
        uncounted = metadata.doubtful(dataset, days, ledger)
    counts.update({day: ledger[day].table_rows for day in days - uncounted if day in ledger and ledger[day].table_rows})
    if uncounted:
        rows = warehouse.query(counts_sql(warehouse.table_id(dataset.table), uncounted), step="count", dataset=dataset)
        counts.update({row.settlement_date: row.row_count for row in rows})
    return counts, digests, odd


class _Comparison:
    """The source's counts against the stored ones, settlement period by settlement period.

    The source counts by labels, and a record may be labelled with the day beside its own: what counts for a period is
    what the objects of three days have of it. Where one of them is not stored, its half hours at the edge are left out.
    """

    def __init__(self, dataset: Dataset, stored: Stored, source: Counts) -> None:
        self.dataset, self.stored = dataset, stored
        self.by_day: dict[date, dict[int, int]] = {}
        for (day, period), count in source.items():
            self.by_day.setdefault(day, {})[period] = count

    def total(self, day: date) -> int | None:
        """Rows that the source has of a day; None where it does not say."""
        return sum(self.by_day[day].values()) if day in self.by_day else None

    def _own(self, day: date) -> dict[int, tuple[int, int]] | None:
        """Period -> (rows, distinct keys) as stored; None where that is not known."""
        offsets = (-1, 0, 1) if self.dataset.counted_by else (0,)
        found: dict[int, tuple[int, int]] = {}
        for offset in offsets:
            kept = self.stored.get(day + offset * ONE_DAY)
            profile = kept.profile if kept else None
            if offset == 0 and (profile is None or (profile.keys and not profile.periods)):
                return None
            for (label, period), (rows, keys) in profile.rows_of(day + offset * ONE_DAY).items() if profile else ():
                if label == day:
                    before = found.get(period, (0, 0))
                    found[period] = before[0] + rows, before[1] + keys
        return found

    def _at_edge(self, day: date, period: int) -> bool:
        """Whether rows of this period may be in an object that is not there."""
        if not self.dataset.counted_by:
            return False
        last = max(self.by_day[day])
        return (period == 1 and day - ONE_DAY not in self.stored) or (period == last and day + ONE_DAY not in self.stored)

    def behind(self, day: date) -> Lack | None:
        """What the source has more of than is stored."""
        if day not in self.by_day:
            return None
        own = self._own(day)
        if own is None:
            more = (self.total(day) or 0) - self.stored[day].rows
            return Lack(Kind.BEHIND, more, None, "not known", more) if more > 0 and not self.dataset.counted_by else None
        more_in = {
            period: count - own.get(period, (0, 0))[0] for period, count in sorted(self.by_day[day].items())
            if count > own.get(period, (0, 0))[0] and not self._at_edge(day, period)
        }  # fmt: skip
        if not more_in:
            return None
        periods = ", ".join(map(str, list(more_in)[:8])) + (f" and {len(more_in) - 8} more" if len(more_in) > 8 else "")
        first = min(more_in)
        instant = period_start(day, first) if 1 <= first <= periods_in(day) else None
        return Lack(Kind.BEHIND, sum(more_in.values()), instant, periods, sum(more_in.values()))

    def is_final(self, day: date) -> bool:
        """Whether the source was asked twice for what it counts, a day apart, and does not serve it."""
        kept = self.stored[day]
        return bool(kept.behind_read and kept.fetched and kept.fetched - kept.behind_read >= APART)

    def findings(self, expected: list[date]) -> list[Finding]:
        """Days of which the source now has fewer distinct records than were fetched; repetitions are none."""
        fewer: list[tuple[date, int, int]] = []
        for day in expected:
            own = self._own(day) if day in self.by_day and day in self.stored else None
            # A period that the source does not name at all was not counted, or not asked for.
            gone = sum(max(0, own[p][1] - count) for p, count in self.by_day[day].items() if p in own) if own else 0
            if own and gone:
                fewer.append((day, sum(keys for _, keys in own.values()), self.total(day) or 0))
        if not fewer:
            return []
        examples = tuple(f"{day}: {keys} rows, {count} at the source" for day, keys, count in fewer[:3])
        return [Finding("fewer at source", "", len(fewer), "days have fewer rows at the source now than were fetched", examples)]


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
    from google.api_core.exceptions import GoogleAPIError

    for day in v.of(State.BEHIND):
        if stored[day].behind is None:
            try:
                store.mark(stored[day], behind_at=now)
            except (GoogleAPIError, OSError) as error:
                log.warning(
                    "%s: %s is behind the source, which cannot be noted in the bucket (%s); run the downloader with --force for it",
                    v.dataset.key, day, runtime.first_line(error),
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
            f"{life.name}: {life.first} to {life.last}" + (f", {len(life.pauses)} pauses" if life.pauses else "") for life in moved[:8]
        )
        found.append(Finding("series", "", len(moved), "series begin, pause or end within the range", examples, is_warning=False))
    return found


def source_api(settings: runtime.Settings, stop: Stop) -> Api:
    """Elexon's API for asking what it has. A verification without it is still one, so it is not waited for long."""
    from collector.api import RATE_CAP, Api

    return Api(
        settings.values[Host.ELEXON.value], cap=RATE_CAP[Host.ELEXON], stop=stop, connections=_STATUS_WORKERS,
        timeout=settings.http_timeout, key=settings.api_key, attempts=3,
    )  # fmt: skip


def verify_all(
    tasks: list[Task], warehouse: Warehouse, store: DayStore, api: Api | None, stop: Stop, content: bool = True,
    since: datetime | None = None,
) -> list[Verification]:  # fmt: skip
    """Verify each dataset; that one cannot be is told in its `error`. api: where to ask what the source has; content,
    since: see verify."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    from collector.api import Refused, Unavailable, WindowTooLong
    from collector.records import WrongAnswer

    now = utc_now()
    # Where whole tables are read, minutes may pass between the first and the last.
    metadata = Metadata(warehouse, [task.dataset for task in tasks] if since else [])
    found = []
    unanswered = ""
    for task in tasks:
        stop.check()
        began = time.monotonic()
        source: Counts | None = None
        unasked = ""
        if api and task.dataset.data_status and task.days:
            try:
                if unanswered:
                    # It would not answer for this dataset either.
                    raise Unavailable(unanswered)
                # What is older than this is asked for when all is read.
                first = task.first if since is None else max(task.first, settlement_day(now) - _YOUNG)
                source = source_counts(api, task.dataset, first, task.last) if first <= task.last else None
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
            v = verify(task, warehouse, store, now, source, content, since, metadata)
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
        lines += [f"{key}: {note}" for note in (*v.alarms, v.unasked, v.error) if note]
    return "\n".join(lines)


def _gaps(v: Verification) -> list[tuple[State, str]]:
    """The days that are not as they should be, by state, with what each state means and what mends it; then what they
    lack."""
    found = [
        (state, f"{v.dataset.key}: {state.value}: {days_text(of_state)} ({why})") for state, why in MEANINGS.items() if (of_state := v.of(state))
    ]  # fmt: skip
    verdicts = v.verdicts
    found += [
        (State.SHORT, command_line.printable(f"{v.dataset.key}: {day}: {lack.kind.value}: {lack}")) for day, lack in verdicts[:_TOLD]
    ]  # fmt: skip
    if len(verdicts) > _TOLD:
        found.append((State.SHORT, f"{v.dataset.key}: and {len(verdicts) - _TOLD} more of the like; --verify --output json has them all"))
    return found


def log_gaps(found: list[Verification]) -> None:
    """Tell the same in the log: losses as errors, what the source itself lacks as information."""
    for v in found:
        for state, line in _gaps(v):
            (log.error if state in LOSSES else log.info)("%s", line)
        for note in filter(None, (*v.alarms, v.error)):
            log.error("%s: %s", v.dataset.key, note)


def log_findings(found: list[Verification]) -> None:
    """Tell the findings in the log: what is ordinary as information, the rest as warnings."""
    for v in found:
        for finding in v.findings:
            (log.warning if finding.is_warning else log.info)("%s: %s", v.dataset.key, finding)
