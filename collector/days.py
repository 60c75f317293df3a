"""The life of a settlement day: what it lacks, when it is read again, what is said of it, how days are asked together.

A day is judged by its instants and its own series, by distinct keys and by the days around it, never by a number of
rows alone (`lacks`). It is read again while the source may still change it, and while it lacks something that the
source may still bring (`is_due`). An absence is believed when it was seen at two times a day apart, from a source
that was alive: newer data of the dataset came from it. Downloader, loader and verification all ask here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import pairwise
from statistics import median_low, mode
from typing import TYPE_CHECKING, NamedTuple

from collector.base import gb_calendar
from collector.base.gb_calendar import HALF_HOUR, ONE_DAY, day_end, day_length, day_start, settlement_day, utc_text
from collector.base.text import named, ranges
from collector.registry.model import Dataset, Hole
from collector.settlement_runs import runs_due

if TYPE_CHECKING:
    from collector.storage.day_objects import DayObject
    from collector.storage.profile import Profile, Runs

# Two readings of one absence count as two when so far apart: a day, less what the start of a daily job wanders.
APART = timedelta(hours=23)
_CLOCKS_DIFFER = timedelta(minutes=10)
# Days that lack something are asked again so many days after their end, then so many after they were first read.
_WIDENING = (1, 2, 4, 8, 16, 32)
# After its date is due a settlement run is looked for so many days later, until it has come.
_LOOKED_FOR = (1, 2, 4, 8, 16, 32)
# No source stands still for so long unnoticed: what is older is believed without newer data.
_LONG_AGO = timedelta(days=40)
# All settlement runs of a day have come by then.
_RUNS_OVER = timedelta(days=500)
# So many days on either side tell what is usual; a listing takes them in.
AROUND = timedelta(days=14)
# Settled days between two that are due ride along in one request, this many at most.
RIDERS = 6
# A half hour is missed where the days around have so many rows in it.
_MANY_ROWS = 10
# So many empty days after so many full ones: the source has stopped. Where no day is full, it takes as many empty ones.
_STOPPED_AFTER, _STOPPED_BEFORE = 3, 7
# A series that ended so lately is news; later it is a fact.
_NEWS = timedelta(days=14)
# So many runs of days are named in one line; --verify --output json names them all.
_RUNS_TOLD = 30


# ---------------------------------------------------------------------------------------------- tasks and windows
@dataclass(frozen=True)
class Task:
    """One dataset and the settlement days to work on, both ends included; none when last < first."""

    dataset: Dataset
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return list(gb_calendar.days_between(self.first, self.last))

    @property
    def listed_from(self) -> date:
        """The first day that is looked at in the bucket: of a snapshot the one before tells whether anything has changed,
        however old it is."""
        return self.dataset.first_day if self.dataset.endpoint.is_snapshot else self.first - AROUND

    @property
    def share(self) -> float:
        """How much work it is beside other tasks: bytes of JSON, and for each day what a question takes of that."""
        return len(self.days) * (self.dataset.bytes_per_day + 100_000.0)

    def expected(self, now: datetime, stored: Iterable[date] = ()) -> list[date]:
        """The days of which something can be published at `now` (aware UTC); of snapshots, of which no day must have one,
        those that are stored; of a file that loses its old days, those from the first that is stored on."""
        if self.dataset.endpoint.is_snapshot:
            return sorted(day for day in stored if self.first <= day <= self.last)
        if self.dataset.files:
            known = frozenset(stored)
            begun = min(known, default=date.min) if self.dataset.files.forgets else date.min
            # A file may be ahead of its usual delay.
            return [day for day in self.days if day in known or (day >= begun and is_published(self.dataset, day, now))]
        return [day for day in self.days if is_published(self.dataset, day, now)]


@dataclass(frozen=True)
class Span:
    """Consecutive settlement days that are asked for together."""

    first: date
    last: date
    confirming: bool = False

    @property
    def days(self) -> list[date]:
        return list(gb_calendar.days_between(self.first, self.last))

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


def spans(
    days: Iterable[date], most: int, split_years: bool, confirming: bool = False, riders: int = 0
) -> Iterator[Span]:
    """Cut sorted days into runs, none longer than `most`, none across a year end if asked so. Up to `riders` days
    between two of them are taken along."""
    run: list[date] = []
    for day in days:
        apart = timedelta(days=1 + riders)
        broken = run and (
            day - run[-1] > apart or (day - run[0]).days >= most or (split_years and day.year != run[-1].year)
        )
        if broken:
            yield Span(run[0], run[-1], confirming)
            run = []
        run.append(day)
    if run:
        yield Span(run[0], run[-1], confirming)


def days_text(days: Sequence[date]) -> str:
    """Days in words: one by its date, a run by its ends; of very many the first, how many, and the last."""
    runs = list(map(str, spans(days, len(days) + 1, False)))
    if len(runs) <= _RUNS_TOLD:
        return ", ".join(runs)
    return f"{', '.join(runs[: _RUNS_TOLD - 1])} and more up to {runs[-1]} ({len(days)} days)"


def days_by_cause(failed: Mapping[date, str]) -> dict[str, list[date]]:
    """Failed days, in order, by what went wrong."""
    found: dict[str, list[date]] = {}
    for day, cause in sorted(failed.items()):
        found.setdefault(cause, []).append(day)
    return found


class Stored(Mapping[date, "DayObject"]):
    """The stored days of a listing; those around the asked range are among them, to be compared with."""

    def __init__(self, objects: Mapping[date, DayObject]) -> None:
        self._objects = dict(objects)
        # A day is no neighbour of itself; the newest tells whether the source was alive after another.
        self.newest = max((day for day, stored in self._objects.items() if stored.rows > 0), default=date.min)

    def __getitem__(self, day: date) -> DayObject:
        return self._objects[day]

    def __iter__(self) -> Iterator[date]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def profile(self, day: date) -> Profile | None:
        """The profile of a day that has records."""
        stored = self._objects.get(day)
        return stored.profile if stored and stored.rows > 0 else None

    def whole(self, day: date) -> Profile | None:
        """The profile of a day that has records and was over when it was read: one to measure others by."""
        stored = self._objects.get(day)
        return (
            stored.profile if stored and stored.rows > 0 and stored.fetched and stored.fetched >= day_end(day) else None
        )


# ---------------------------------------------------------------------------------------------- what a day lacks
class Kind(Enum):
    """In what way a day is not whole."""

    INSTANT = "instant missing"
    SERIES = "series cut"
    UNIT = "unit cut"
    VALUE = "value missing"
    ISSUE_MISSING = "issue missing"
    ISSUE = "issue cut"
    THIN = "thin"
    HOLE = "known hole"
    BEHIND = "period behind"


@dataclass(frozen=True)
class Lack:
    """Something that a day lacks: how much of it, from which instant (aware UTC), of what; rows: about how many.

    periods: the settlement periods in which it lacks, from 1, as far as the day's profile tells; is_cut: there are others.
    series: the names of all series (or fields) that lack it; none where every one does, or where none is known.
    """

    kind: Kind
    count: int
    first: datetime | None
    about: str
    rows: int
    periods: tuple[int, ...] = ()
    series: tuple[str, ...] = ()
    is_cut: bool = False

    def __str__(self) -> str:
        what = _WORDS[self.kind].format(count=self.count, about=self.about)
        what += f", first {utc_text(self.first)}" if self.first else ""
        # Where the source counts by period, the words name them.
        return what + (f" (SP {self.half_hours})" if self.periods and self.kind is not Kind.BEHIND else "")

    @property
    def half_hours(self) -> str:
        """The settlement periods in words: "3 to 5, 45", and that there are others."""
        return named(ranges(self.periods)) + (" and others" if self.is_cut else "")


_WORDS = {
    Kind.INSTANT: "{count} instants without any record{about}",
    Kind.SERIES: "{count} values missing in series that go on: {about}",
    Kind.UNIT: "{count} units report a part of the day only: {about}",
    Kind.VALUE: "{count} values are null: {about}",
    Kind.ISSUE_MISSING: "{count} issues fewer than on the days around",
    Kind.ISSUE: "{count} issues shorter than usual",
    Kind.THIN: "less than half of the rows of the same weekdays around ({about})",
    Kind.HOLE: "{count} instants that the source is known to lack: {about}",
    Kind.BEHIND: "{count} rows more at the source, in periods {about}",
}


def lacks(dataset: Dataset, day: date, profile: Profile, around: Stored) -> tuple[Lack, ...]:
    """What a day that is over lacks. around: the stored days about it."""
    if not profile.keys:
        return ()
    found: list[Lack] = []
    if dataset.grid:
        found += _instants(dataset, day, profile)
        found += (
            _units(day, dataset, profile, around) if dataset.settlement_runs else _series(day, dataset, profile, around)
        )
    if dataset.has_issues:
        found += _issues(dataset, day, profile, around)
    if dataset.has_usual_size:
        found += _half_hours(dataset, day, profile, around) if not dataset.grid else ()
        found += _size(day, profile, around)
    return tuple(found)


def _periods(dataset: Dataset, day: date, instants: Iterable[datetime]) -> tuple[int, ...]:
    """The settlement periods of these instants of a day, each once; of a grid wider than half hours all that one covers."""
    width = max(1, (dataset.grid or HALF_HOUR) // HALF_HOUR)
    begins = {(instant - day_start(day)) // HALF_HOUR + 1 for instant in instants}
    return tuple(sorted({period + n for period in begins for n in range(width)}))


def _hole(dataset: Dataset, instant: datetime) -> Hole | None:
    return next((hole for hole in dataset.holes if hole.first <= instant < hole.end), None)


def _ticks(runs: Runs) -> Iterator[int]:
    for first, length in runs:
        yield from range(first, first + length)


def _with_holes(
    dataset: Dataset, day: date, kind: Kind, instants: Sequence[datetime], count: int, rows: int
) -> Iterator[Lack]:
    """A lack at these instants, apart from those that the source is known to lack; count: all, where not all are named."""
    known = [(instant, hole) for instant in instants if (hole := _hole(dataset, instant))]
    if known:
        periods = _periods(dataset, day, (instant for instant, _hole in known))
        yield Lack(Kind.HOLE, len(known), known[0][0], known[0][1].note, rows * len(known), periods)
    unknown = [instant for instant in instants if not _hole(dataset, instant)]
    if lacking := count - len(known):
        first, periods = unknown[0] if unknown else None, _periods(dataset, day, unknown)
        yield Lack(kind, lacking, first, "", rows * lacking, periods, is_cut=count > len(instants))


def _instants(dataset: Dataset, day: date, profile: Profile) -> Iterator[Lack]:
    """Instants of the grid without any record, and values that are null."""
    grid, start = dataset.grid or HALF_HOUR, day_start(day)
    if profile.missing_count:
        instants = [start + tick * grid for tick in _ticks(profile.missing)]
        yield from _with_holes(dataset, day, Kind.INSTANT, instants, profile.missing_count, max(1, profile.full_count))
    if profile.null_count:
        instants = sorted({start + tick * grid for runs in profile.nulls.values() for tick in _ticks(runs)})
        count, names = profile.null_count, tuple(sorted(profile.nulls))
        known = sum(
            1 for runs in profile.nulls.values() for tick in _ticks(runs) if _hole(dataset, start + tick * grid)
        )
        if known:
            first = next(i for i in instants if _hole(dataset, i))
            hole = _hole(dataset, first)
            periods = _periods(dataset, day, filter(partial(_hole, dataset), instants))
            yield Lack(Kind.HOLE, known, first, hole.note if hole else "", 0, periods, names)
        if count > known:
            unknown = [i for i in instants if not _hole(dataset, i)]
            told = sum(length for runs in profile.nulls.values() for _, length in runs)
            yield Lack(
                Kind.VALUE, count - known, (unknown or instants)[0], named(names), 0, _periods(dataset, day, unknown), names,
                is_cut=count > told,
            )  # fmt: skip


def _ends(dataset: Dataset, day: date, profile: Profile) -> tuple[int, int]:
    """The first and the last tick of a day that has any record."""
    missing, count = set(_ticks(profile.missing)), day_length(day) // (dataset.grid or HALF_HOUR)
    present = [tick for tick in range(count) if tick not in missing] if missing else [0, count - 1]
    return (present[0], present[-1]) if present else (0, count - 1)


def _reaches(dataset: Dataset, day: date, profile: Profile | None, name: str, at_end: bool) -> bool:
    """Whether a series is there at the day's first (or last) instant that has any record."""
    if profile is None or not profile.keys:
        return False
    part = profile.part.get(name)
    if part is None:
        return name in profile.full
    first, last = _ends(dataset, day, profile)
    return part.last == last if at_end else part.first == first


def _between_ends(profile: Profile, name: str) -> list[int]:
    """The ticks between its first and last that a series lacks, as far as the profile names them."""
    part = profile.part[name]
    return list(_ticks(profile.gaps.get(name, ((part.gap, 1),) if part.lacking else ())))


def _series(day: date, dataset: Dataset, profile: Profile, around: Stored) -> Iterator[Lack]:
    """Series that lack instants between their first and last, or break off though the day beside goes on with them."""
    if not profile.part:
        return
    first, last = _ends(dataset, day, profile)
    missing = set(_ticks(profile.missing))
    count, ticks, names, is_cut = 0, set[int](), list[str](), False
    for name, part in profile.part.items():
        gaps, at = part.lacking, _between_ends(profile, name)
        is_cut |= gaps > len(at)
        if part.last < last and _reaches(dataset, day + ONE_DAY, around.profile(day + ONE_DAY), name, at_end=False):
            late = [tick for tick in range(part.last + 1, last + 1) if tick not in missing]
            gaps, at = gaps + len(late), at + late
        if part.first > first and _reaches(dataset, day - ONE_DAY, around.profile(day - ONE_DAY), name, at_end=True):
            early = [tick for tick in range(first, part.first) if tick not in missing]
            gaps, at = gaps + len(early), at + early
        if gaps:
            count, names = count + gaps, [*names, name]
            ticks.update(at)
    if count:
        instants = [day_start(day) + tick * (dataset.grid or HALF_HOUR) for tick in sorted(ticks)]
        periods = _periods(dataset, day, instants)
        yield Lack(Kind.SERIES, count, instants[0], named(names), count, periods, tuple(names), is_cut)


def _units(day: date, dataset: Dataset, profile: Profile, around: Stored) -> Iterator[Lack]:
    """BM units are registered for whole days: one that reports a part of the day was cut, unless it does so on the days
    around too."""
    if not profile.part:
        return
    grid = dataset.grid or HALF_HOUR
    beside = [p for offset in (-1, 1) if (p := around.profile(day + offset * ONE_DAY))]
    first, last = _ends(dataset, day, profile)
    # An instant that no unit has is no unit's: it is told as missing.
    missing = set(_ticks(profile.missing))
    cut, rows, ticks, is_cut = list[str](), 0, set[int](), False
    for name, part in profile.part.items():
        if any(name in p.part for p in beside):
            continue
        cut.append(name)
        ends = {*range(first, part.first), *range(part.last + 1, last + 1)} - missing
        inner = _between_ends(profile, name)
        rows += len(ends) + part.lacking
        ticks.update(ends, inner)
        is_cut |= part.lacking > len(inner)
    if cut:
        whole = len(cut) + profile.part_count - len(profile.part)
        instants = [day_start(day) + tick * grid for tick in sorted(ticks)]
        periods, others = _periods(dataset, day, instants), is_cut or whole > len(cut)
        yield Lack(Kind.UNIT, whole, instants[0] if instants else None, named(cut), rows, periods, tuple(cut), others)


def _issues(dataset: Dataset, day: date, profile: Profile, around: Stored) -> Iterator[Lack]:
    """Fewer issues, or shorter ones, than the days before and the days behind both have; of those that vary in length,
    shorter than half of the shortest."""
    sides = [
        [p for n in range(1, 8) if (p := around.whole(day + sign * n * ONE_DAY)) and p.issues] for sign in (-1, 1)
    ]  # fmt: skip
    sides = [side for side in sides if side]
    if not sides:
        return
    # What both sides have: on the day of a change the smaller number is right. A week, for bad days come several in a row.
    usual = min(median_low([len(p.issues) for p in side]) for side in sides)
    length = min(mode(rows for p in side for _, rows in p.issues) for side in sides)
    least = min(rows for side in sides for p in side for _, rows in p.issues) // 2 if dataset.issues_vary else length
    # The times of the issues move with the clocks: a day beside a clock change may have one fewer.
    if any(day_length(day + offset * ONE_DAY) != ONE_DAY for offset in (-1, 0, 1)):
        usual -= 1
    if len(profile.issues) < usual:
        count = usual - len(profile.issues)
        yield Lack(Kind.ISSUE_MISSING, count, None, "", count * length)
    cut = [(second, rows) for second, rows in profile.issues if rows < least]
    if cut:
        first = day_start(day) + timedelta(seconds=cut[0][0])
        yield Lack(Kind.ISSUE, len(cut), first, "", sum(length - rows for _, rows in cut))


def _size(day: date, profile: Profile, around: Stored) -> Iterator[Lack]:
    same = [p.keys for weeks in (-2, -1, 1, 2) if (p := around.whole(day + 7 * weeks * ONE_DAY))]
    if len(same) >= 2 and 2 * profile.keys < min(same):
        yield Lack(
            Kind.THIN, 1, None, f"{profile.keys:,}, around {min(same):,} to {max(same):,}", min(same) - profile.keys
        )


def _half_hours(dataset: Dataset, day: date, profile: Profile, around: Stored) -> Iterator[Lack]:
    """Half hours without a row in which the days around have many."""
    own = profile.rows_of(day)
    beside = [
        {number: rows for (label, number), (rows, _) in p.rows_of(there).items() if label == there}
        for offset in (-7, -1, 1, 7) if (p := around.whole(there := day + offset * ONE_DAY)) and p.periods
    ]  # fmt: skip
    if not profile.periods or len(beside) < 2 or day_length(day) != ONE_DAY:
        return
    empty = [n for n in range(1, 49) if (day, n) not in own and all(there.get(n, 0) >= _MANY_ROWS for there in beside)]
    if empty:
        usual = min(there[empty[0]] for there in beside)
        instants = [day_start(day) + (n - 1) * HALF_HOUR for n in empty]
        yield from _with_holes(dataset, day, Kind.INSTANT, instants, len(empty), usual)


def expected_rows(dataset: Dataset, day: date, stored: Stored, found: Iterable[Lack] = ()) -> int | None:
    """How many distinct rows a day should have, as far as it and the days beside it tell; None where they do not."""
    profile = stored.profile(day)
    if profile and profile.keys:
        return profile.keys + sum(lack.rows for lack in found)
    if not dataset.grid or dataset.has_usual_size:
        return None
    ticks = day_length(day) // dataset.grid
    if not dataset.series:
        return ticks
    beside = next((p for offset in (-1, 1) if (p := stored.whole(day + offset * ONE_DAY))), None)
    return ticks * beside.full_count if beside else None


def is_whole(found: Iterable[Lack]) -> bool:
    """Whether nothing lacks but what the source is known to lack."""
    return all(lack.kind is Kind.HOLE for lack in found)


# ---------------------------------------------------------------------------------------------- when it is read again
def is_published(dataset: Dataset, day: date, now: datetime) -> bool:
    """Whether anything of `day` can be published at `now` (aware UTC): of what has ended, nothing after its last day."""
    if dataset.last_day and day > dataset.last_day:
        return False
    if not dataset.settlement_runs:
        return now >= (day_start(day) if dataset.not_before is None else day_end(day) + dataset.not_before)
    # Of days that should be whole by now the timetable is not asked.
    return now >= day_end(day) + dataset.whole_after or now >= _first_run(day)


def final_after(dataset: Dataset, day: date) -> datetime:
    """The instant from which a fetch of `day` is final: the source revises it no more (settlement runs: is due to)."""
    if not dataset.settlement_runs:
        return day_end(day) + timedelta(days=max(dataset.revision_days, default=0))

    return day_start(runs_due(day)[-1][1]) + timedelta(days=_LOOKED_FOR[-1])


def _between(fetched: datetime, dues: Iterable[datetime], now: datetime) -> bool:
    return any(fetched < due <= now for due in dues)


def _is_run_due(dataset: Dataset, stored: DayObject, now: datetime) -> bool:
    """Whether a settlement run should have come that the stored records are not of."""
    fetched = stored.fetched or day_end(stored.day)
    if now - day_end(stored.day) > _RUNS_OVER and fetched - day_end(stored.day) > _RUNS_OVER:
        return False

    dues = [
        (run, day_start(at))
        for run, at in runs_due(stored.day)
        if day_start(at) + timedelta(days=_LOOKED_FOR[0]) <= now
    ]
    if not dues:
        return False
    run, due = dues[-1]
    runs = stored.profile.runs if stored.profile else {}
    have = max(runs, key=lambda name: runs[name], default="")
    order = dataset.version_order
    if have in order and order.index(have) >= order.index(run):
        return False
    return _between(fetched, (due + timedelta(days=n) for n in _LOOKED_FOR), now)


def is_due(dataset: Dataset, stored: DayObject, around: Stored, now: datetime) -> bool:
    """Whether a stored day is to be read again at `now` (aware UTC); around: the stored days."""
    day, fetched = stored.day, stored.fetched
    end = day_end(day)
    # What was read in the future was read by a wrong clock.
    if fetched is None or stored.rows < 0 or fetched < end or fetched > now + _CLOCKS_DIFFER or stored.is_altered:
        return True
    if stored.behind and (
        stored.behind_read is None or (fetched - stored.behind_read < APART <= now - stored.behind_read)
    ):
        return True
    if stored.fewer and now - stored.fewer >= APART:
        return True
    if dataset.settlement_runs:
        if _is_run_due(dataset, stored, now):
            return True
    elif _between(fetched, (end + timedelta(days=n) for n in dataset.revision_days), now):
        return True
    return _is_doubtful(dataset, stored, around, now)


def _is_doubtful(dataset: Dataset, stored: DayObject, around: Stored, now: datetime) -> bool:
    """Whether a day lacks something that has not been seen to lack for long enough, and is due to be looked at."""
    day, fetched = stored.day, stored.fetched or day_end(stored.day)
    if is_whole(lacks_of(dataset, stored, around)) and (stored.rows > 0 or dataset.often_empty):
        return False
    end = day_end(day)
    if now < end + dataset.whole_after:
        # It is only late, so each run looks.
        return is_published(dataset, day, now)
    dues = [end + timedelta(days=n) for n in _WIDENING]
    if not is_confirmed(stored, around):
        dues += [stored.seen + APART, *(stored.seen + timedelta(days=2**n) for n in range(14))]
    return _between(fetched, dues, now)


def _first_run(day: date) -> datetime:
    return day_start(runs_due(day)[0][1])


def is_confirmed(stored: DayObject, around: Stored) -> bool:
    """Whether what a day lacks was seen at two times a day apart, from a source of which newer data came since."""
    if stored.fetched is None:
        return False
    if stored.is_of_old:
        return True
    alive = stored.fetched - day_end(stored.day) > _LONG_AGO or around.newest > stored.day
    return alive and stored.fetched - stored.seen >= APART


def lacks_of(dataset: Dataset, stored: DayObject, around: Stored) -> tuple[Lack, ...]:
    """What a stored day lacks. Of an object without a profile only the number of its rows is known."""
    if stored.profile:
        return lacks(dataset, stored.day, stored.profile, around)
    if dataset.grid and 0 < stored.rows < (ticks := day_length(stored.day) // dataset.grid):
        return (Lack(Kind.INSTANT, ticks - stored.rows, None, "", ticks - stored.rows),)
    return ()


def days_to_fetch(task: Task, stored: Stored, now: datetime, force: bool) -> list[date]:
    """The days that are missing or due, or all with `force`; none of which nothing is published at `now` (aware UTC). Of a
    snapshot it is today, unless it was looked at today."""
    if task.dataset.endpoint.is_snapshot:
        today, looked = settlement_day(now), last_look(stored)
        is_wanted = task.first <= today <= task.last and (force or looked is None or settlement_day(looked) != today)
        return [today] if is_wanted else []
    begun = task.expected(now, stored)
    if force:
        return begun
    return [day for day in begun if day not in stored or is_due(task.dataset, stored[day], stored, now)]


def last_look(stored: Stored) -> datetime | None:
    """When any of these days was last read from the source (aware UTC)."""
    return max((one.fetched for one in stored.values() if one.fetched), default=None)


# ---------------------------------------------------------------------------------------------- what is said of it
class State(Enum):
    """How a day stands, worst first. A day has one: the first that is true of it."""

    SURPLUS = "surplus"
    ALTERED = "altered"
    DIFFERS = "differing"
    BEHIND = "behind source"
    MISSING = "missing"
    UNLOADED = "not loaded"
    EMPTY = "empty at source"
    SHORT = "short at source"
    BEFORE = "before its beginning"
    PROVISIONAL = "provisional"
    COMPLETE = "complete"


class Judgement(NamedTuple):
    """What is known of a stored day: its state as far as the source goes, what it lacks, whether it is read again."""

    state: State
    lacks: tuple[Lack, ...]
    is_final: bool


def judge(dataset: Dataset, stored: DayObject, around: Stored, now: datetime) -> Judgement:
    """The state of a stored day at `now` (aware UTC): EMPTY, SHORT, PROVISIONAL or COMPLETE."""
    if dataset.endpoint.is_snapshot:
        return Judgement(State.COMPLETE, (), True)
    found = lacks_of(dataset, stored, around)
    lacking = not is_whole(found) or (stored.rows == 0 and not dataset.often_empty)
    is_final = (
        _is_settled(dataset, stored, now) and not is_due(dataset, stored, around, now)
        and not (lacking and (now < day_end(stored.day) + timedelta(days=_WIDENING[-1]) or not is_confirmed(stored, around)))
    )  # fmt: skip
    if now >= day_end(stored.day) + dataset.whole_after and stored.fetched and stored.fetched >= day_end(stored.day):
        if stored.rows == 0 and not dataset.often_empty:
            return Judgement(State.EMPTY, found, is_final)
        if found:
            return Judgement(State.SHORT, found, is_final)
    return Judgement(State.COMPLETE if is_final else State.PROVISIONAL, found, is_final)


def _is_settled(dataset: Dataset, stored: DayObject, now: datetime) -> bool:
    """Whether the source changes the day no more."""
    runs = stored.profile.runs if stored.profile else {}
    if dataset.settlement_runs and runs:
        order = dataset.version_order
        last = order.index("RF")
        if all(run in order and order.index(run) >= last for run in runs):
            return True
    return now >= final_after(dataset, stored.day)


def newest_instant(stored: Stored) -> datetime | None:
    """The newest instant of which a value is stored (aware UTC)."""
    for day in sorted(stored, reverse=True):
        profile = stored[day].profile
        if profile and profile.newest >= 0:
            return day_start(day) + timedelta(seconds=profile.newest)
    return None


def alarms(task: Task, stored: Stored, now: datetime) -> list[str]:
    """Why the source of a dataset is not as it should be: it stands still, it has stopped, a series of it has ended."""
    dataset, found = task.dataset, list[str]()
    if dataset.endpoint.is_snapshot:
        looked = last_look(stored)
        if task.last >= settlement_day(now) and (
            looked is None or (dataset.max_age and now - looked > dataset.max_age)
        ):
            found.append(
                f"no snapshot was taken {f'since {utc_text(looked)}' if looked else 'yet'}; run the downloader"
            )
        return found
    if dataset.often_empty or dataset.last_day:
        return found
    over = [day for day in task.expected(now, stored) if now >= day_end(day) + dataset.whole_after and day in stored]
    newest = newest_instant(stored)
    has_rows = [day for day in sorted(stored) if stored[day].rows > 0]
    trailing = [day for day in over if stored[day].rows == 0 and not any(later > day for later in has_rows[-1:])]
    full = sum(1 for day in has_rows if not trailing or day < trailing[0])
    if len(trailing) >= (_STOPPED_AFTER if full >= _STOPPED_BEFORE else _STOPPED_BEFORE) and (
        full >= _STOPPED_BEFORE or full == 0
    ):
        since = f"after {has_rows[-1]}" if has_rows else f"in the whole range, {days_text(trailing)}"
        found.append(f"the source has nothing {since}: {len(trailing)} days are empty; the dataset may have ended")
    elif dataset.max_age and newest and task.last >= settlement_day(now) and now - newest > dataset.max_age:
        found.append(
            f"the source stands still: its newest record is of {utc_text(newest)}, {_age(now - newest)} old "
            f"(usual: at most {_age(dataset.max_age)})"
        )
    return found + _ended(task, stored, now)


def _age(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:.0f} days" if hours >= 72 else f"{hours:.0f} h"


class Life(NamedTuple):
    """A series over the days of a range: its first and last day, and the days in between on which it was not there."""

    name: str
    first: date
    last: date
    pauses: tuple[tuple[date, date], ...]


def series_lives(dataset: Dataset, stored: Stored, first: date, last: date) -> list[Life]:
    """Of datasets with few series: when each came, paused and went, by the stored days from first to last."""
    seen: dict[str, list[date]] = {}
    profiles = {day: profile for day in sorted(stored) if first <= day <= last and (profile := stored.profile(day))}
    whole = list(profiles)
    for day, profile in profiles.items():
        for name in (*profile.full, *(profile.part if profile.full_count == len(profile.full) else ())):
            seen.setdefault(name, []).append(day)
    place = {day: number for number, day in enumerate(whole)}
    lives = []
    for name, days in sorted(seen.items()):
        pauses = [
            (whole[place[before] + 1], whole[place[after] - 1])
            for before, after in pairwise(days) if place[after] - place[before] > 1
        ]  # fmt: skip
        lives.append(Life(name, days[0], days[-1], tuple(pauses)))
    return lives


def _ended(task: Task, stored: Stored, now: datetime) -> list[str]:
    """Series that reported on each of many days and then no more, lately."""
    dataset = task.dataset
    if not dataset.grid or not dataset.series or dataset.settlement_runs:
        return []
    has_rows = [day for day in sorted(stored) if stored.profile(day)]
    over = [day for day in has_rows if now >= day_end(day) + dataset.whole_after]
    if not over or now - day_end(over[-1]) > _NEWS:
        return []
    found = []
    for life in series_lives(dataset, stored, has_rows[0], has_rows[-1]):
        behind = [day for day in over if day > life.last]
        before = [day for day in over if day <= life.last][-_STOPPED_BEFORE:]
        # One that came for some days, as tests of a new interconnector do, has not ended.
        came = max((last + ONE_DAY for _, last in life.pauses), default=life.first)
        steady = len(before) == _STOPPED_BEFORE and came <= before[0]
        if len(behind) >= _STOPPED_AFTER and steady and now - day_end(life.last) <= _NEWS:
            found.append(f"the series {life.name} has ended: nothing of it after {life.last}")
    return found
