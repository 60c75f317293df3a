"""What a stored day holds, told in a few hundred bytes: its instants, series, issues and counts.

The profile is made from the records when a day is stored and kept in its object's metadata, so that one listing tells
which instants of which series a day lacks. It counts distinct keys: a repetition fills no gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain, groupby

import msgspec
from msgspec import Raw

from collector.base.gb_calendar import HALF_HOUR, day_length, day_start, periods_in
from collector.registry.model import Dataset

# Object metadata may hold 8 KiB in all, the emulator's 3.4 KB; longer lists are cut, the counts stay.
LIMIT = 1_400
_LONGEST = 400
# More series than this are counted, not named.
_NAMED = 64
Runs = tuple[tuple[int, int], ...]
Record = Raw | bytes


@dataclass
class Group:
    """Records of one instant that also have one stamp, settlement run and label. keys: what tells each record from the
    others of its instant; empty where the instant alone is the natural key."""

    records: list[Record] = field(default_factory=list)
    keys: list[Hashable] = field(default_factory=list)
    run: object = None
    label: tuple[object, object] = (None, None)


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A series that lacks some of the instants which the day has. first, last: its first and last tick of the day;
    lacking: instants in between that others have and it has not, the first of them at tick `gap` (-1: none)."""

    first: int
    last: int
    lacking: int = 0
    gap: int = -1


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A day's records, counted. A tick is the number of an instant of the dataset's grid within the day, from 0.

    keys: distinct natural keys. missing: runs (first tick, how many) without any record; missing_count: all of them,
    also where the list was cut. full: names of the series that have every instant of the day that others have (empty
    where there are too many to name), full_count: how many. part: the other series; gaps: of those that lack several instants
    in between, all of these, as runs, where there is room. issues: (second of the day, rows)
    of each issue. nulls: field -> ticks whose record has no value there, as runs. periods: rows as the source counts
    them, by settlement period from 1; strays: the same of records that are labelled with other days. runs: settlement
    run -> records. newest: the newest instant that has its values, in seconds of the day.
    """

    keys: int
    missing: Runs = ()
    missing_count: int = 0
    full: tuple[str, ...] = ()
    full_count: int = 0
    part: dict[str, Part] = {}
    part_count: int = 0
    gaps: dict[str, Runs] = {}
    issues: Runs = ()
    nulls: dict[str, Runs] = {}
    null_count: int = 0
    # As runs (rows, for how many periods).
    periods: Runs = ()
    distinct: Runs = ()
    strays: dict[str, dict[int, int]] = {}
    runs: dict[str, int] = {}
    newest: int = -1

    def rows_of(self, day: date) -> dict[tuple[date, int], tuple[int, int]]:
        """(settlement date, period) as the source counts -> (rows, distinct keys) of this object."""
        counts = list(chain.from_iterable([rows] * times for rows, times in self.periods))
        distinct = list(chain.from_iterable([rows] * times for rows, times in self.distinct)) or counts
        found = {(day, number): pair for number, pair in enumerate(zip(counts, distinct, strict=True), 1) if pair[0]}
        for label, periods in self.strays.items():
            found.update({(date.fromisoformat(label), number): (rows, rows) for number, rows in periods.items()})
        return found


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Profile)


def encode(profile: Profile) -> str:
    """The profile as text of at most LIMIT bytes; lists that are too long are cut, what days are not judged by goes first."""
    longest = _LONGEST
    if len(_ENCODER.encode(profile)) > LIMIT:
        profile = msgspec.structs.replace(profile, gaps={})
    while len(text := _ENCODER.encode(_cut(profile, longest))) > LIMIT:
        longest = longest * 2 // 3
    return text.decode()


def decode(text: str) -> Profile | None:
    """The profile in an object's metadata; None where there is none, or it is not ours."""
    try:
        return _DECODER.decode(text) if text else None
    except (msgspec.MsgspecError, RecursionError):
        return None


def _cut(profile: Profile, longest: int) -> Profile:
    """The profile with its lists cut to `longest` entries; the names of all series are left out whole."""

    def first(runs: Runs) -> Runs:
        return runs[:longest]

    return msgspec.structs.replace(
        profile, missing=first(profile.missing), full=profile.full if len(profile.full) <= longest else (),
        part=dict(list(profile.part.items())[:longest]), issues=first(profile.issues),
        nulls={name: first(runs) for name, runs in profile.nulls.items()},
        # Half of these counts would be worse than none.
        periods=profile.periods if len(profile.periods) <= longest else (),
        distinct=profile.distinct if len(profile.periods) <= longest else (),
        strays=profile.strays if len(profile.strays) <= longest else {},
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------- making one
def profile_of(
    dataset: Dataset, day: date, groups: Mapping[datetime, Sequence[Group]], nulls: Mapping[str, Iterable[datetime]]
) -> Profile:
    """The profile of a day's records: instant -> groups of records with one stamp and label.

    nulls: field -> instants at which every record lacks its value.
    """
    start = day_start(day)
    nulls = {name: tuple(instants) for name, instants in nulls.items()}
    keys = {instant: _distinct(parts) for instant, parts in groups.items()}
    found: dict[str, object] = {"keys": sum(map(len, keys.values()))}
    # A half hour that is only forecast is there already, without its values.
    known = groups.keys() - set(chain.from_iterable(nulls.values()))
    if known:
        found["newest"] = int((max(known) - start).total_seconds())
    if dataset.grid:
        found |= _grid(dataset, day, keys)
        absent = {
            name: _runs((instant - start) // dataset.grid for instant in instants) for name, instants in nulls.items()
        }
        found["nulls"] = {name: runs for name, runs in absent.items() if runs}
        found["null_count"] = sum(length for runs in absent.values() for _, length in runs)
    if dataset.has_issues:
        found["issues"] = tuple((int((i - start).total_seconds()), len(keys[i])) for i in sorted(keys))
    if dataset.data_status:
        found |= _by_period(dataset, day, groups, keys)
    if dataset.settlement_runs:
        runs = Counter[str]()
        for part in chain.from_iterable(groups.values()):
            runs[str(part.run)] += len(part.records)
        found["runs"] = dict(runs)
    return Profile(**found)  # type: ignore[arg-type]


def _distinct(parts: Sequence[Group]) -> set[object]:
    """The keys of one instant's records; where the instant alone is the key, one."""
    if not parts[0].keys:
        return {None}
    return set().union(*(part.keys for part in parts))


def _grid(dataset: Dataset, day: date, keys: Mapping[datetime, set[object]]) -> dict[str, object]:
    """Which instants of the grid are missing, and which series lack some that the others have."""
    grid, start = dataset.grid or HALF_HOUR, day_start(day)
    ticks: dict[int, set[object]] = {}
    for instant, names in keys.items():
        tick = (instant - start) // grid
        ticks[tick] = ticks[tick] | names if tick in ticks else names
    missing = _runs(sorted(set(range(day_length(day) // grid)) - ticks.keys()))
    found: dict[str, object] = {"missing": missing, "missing_count": sum(length for _, length in missing)}
    if not dataset.series or not ticks:
        return found
    everywhere = set.intersection(*ticks.values())
    more = (names for names in ticks.values() if len(names) > len(everywhere))
    partly = sorted(set[object]().union(*more) - everywhere, key=str)
    order = sorted(ticks)
    part, gaps = dict[str, Part](), dict[str, Runs]()
    for name in partly[:_LONGEST]:
        part[str(name)], inner = _part([name in ticks[tick] for tick in order], order)
        if len(inner) > 1 and len(partly) <= _NAMED:
            gaps[str(name)] = _runs(inner)
    return found | {
        "full": tuple(sorted(map(str, everywhere))) if len(everywhere) <= _NAMED else (), "full_count": len(everywhere),
        "part": part, "part_count": len(partly), "gaps": gaps,
    }  # fmt: skip


def _part(present: Sequence[bool], order: Sequence[int]) -> tuple[Part, list[int]]:
    """A series that is there at some of the day's instants, and the ticks that it lacks in between; order: their ticks."""
    first, last = present.index(True), len(present) - 1 - present[::-1].index(True)
    gaps = [order[at] for at in range(first, last) if not present[at]]
    return Part(order[first], order[last], len(gaps), gaps[0] if gaps else -1), gaps


def _by_period(
    dataset: Dataset, day: date, groups: Mapping[datetime, Sequence[Group]], keys: Mapping[datetime, set[object]]
) -> dict[str, object]:
    """Rows and distinct keys as the source counts them: by the records' own label, else by their instant."""
    own, distinct = [0] * periods_in(day), [0] * periods_in(day)
    strays: dict[str, dict[int, int]] = {}
    for instant, parts in groups.items():
        period = (instant - day_start(day)) // HALF_HOUR + 1
        for part in parts:
            label, number = part.label if dataset.counted_by else (day.isoformat(), period)
            if not isinstance(number, int) or (label == day.isoformat() and not 1 <= number <= len(own)):
                label, number = day.isoformat(), period
            if label == day.isoformat():
                own[number - 1] += len(part.records)
                # Most often all of the instant's.
                distinct[number - 1] += len(keys[instant] if len(parts) == 1 else set(part.keys) or {None})
            else:
                others = strays.setdefault(str(label), {})
                others[number] = others.get(number, 0) + len(part.records)
    found: dict[str, object] = {"periods": _equal(own), "strays": strays}
    return found if distinct == own else found | {"distinct": _equal(distinct)}


def _runs(numbers: Iterable[int]) -> Runs:
    """Sorted whole numbers as runs (first, how many)."""
    return tuple(
        (run[0][1], len(run)) for run in (list(group) for _, group in groupby(enumerate(sorted(numbers)), lambda pair: pair[1] - pair[0]))
    )  # fmt: skip


def _equal(values: Sequence[int]) -> Runs:
    """Values as runs (value, how often in a row)."""
    return tuple((value, sum(1 for _ in group)) for value, group in groupby(values))
