"""A world with known truth and a clock: what the public sources hold of each day, when they begin to show it, what
they do to it afterwards.

`World` is a source for the stand-in server (api_standin.ApiStandin(source=world)): the server's queries are answered out
of records that have a life. A record appears, changes, vanishes, comes back; its stamp of publication is one time, the
moment from which it is served another. What reality does to data is an event with a name (EVENTS); events are drawn by
seed or planted one by one. Nothing here imports the product: the calendar, the settlement runs, the natural keys and
the oracle's rules (world_oracle.py) are the tests' own.

    world = World(seed=7)
    world.plant("late_batch", "FUELINST", "2024-06-05", first="22:00", minutes=150, late=300)
    world.set_clock("2024-06-06T05:30Z")
    with ApiStandin(source=world) as api:
        ...                                       # run against api.environment
    world.truth("FUELINST", "2024-06-05")         # what is served of that settlement day, as bytes
    world.truth("FUELINST", "2024-06-05", at="2024-06-09T05:30Z")

Times are whole seconds since 1970 UTC, days whole days since 1970, as in api_standin; arguments may be ISO text.
"""

from __future__ import annotations

import math
import random
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from api_standin import (
    DAY,
    HALF_HOUR,
    SPECS,
    Answer,
    MadeUp,
    Number,
    Problem,
    Slot,
    Source,
    Switches,
    as_day,
    bump_value,
    code_of,
    day_start,
    day_text,
    half_hours,
    iso,
    noise,
    parse_instant,
    set_value,
    settlement,
)

HOUR, MINUTE = 3_600, 60
NEVER = math.inf
CODES = tuple(SPECS)
# Seconds between the instants of a day, where every instant of the day is due to have a record.
TICKS = {
    "FUELHH": 1_800, "DEMAND": 1_800, "FREQ": 15, "FUELINST": 300, "B1610": 1_800, "MID": 1_800, "NETBSAD": 1_800,
    "DISBSAD": 1_800, "CARBON": 1_800,
}  # fmt: skip
VALUES = {  # the fields that hold a row's measured values
    "BOALF": ("levelFrom", "levelTo"), "FUELHH": ("generation",), "FUELINST": ("generation",),
    "DEMAND": ("initialDemandOutturn", "initialTransmissionSystemDemandOutturn"), "SYSWARN": ("warningText",),
    "FREQ": ("frequency",), "B1610": ("quantity",), "MID": ("price", "volume"), "WINDFOR": ("generation",),
    "NETBSAD": ("netBuyPriceVolumeAdjustmentSystem",), "DISBSAD": ("cost", "volume"), "CARBON": ("actual",),
}  # fmt: skip


def moment(when: str | Number) -> Number:
    """A time as seconds since 1970: from ISO text, or as it is."""
    return parse_instant(when) if isinstance(when, str) else when


# ------------------------------------------------------------------------------------------------- working days


@cache
def bank_holidays(year: int) -> frozenset[int]:
    """Bank holidays of England as days since 1970: the eight by rule, moved off weekends, and the ones by decree."""
    a, b, c = year % 19, year // 100, year % 100  # Easter Sunday, by the Gregorian reckoning
    h = (19 * a + b - b // 4 - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    k = (32 + 2 * (b % 4) + 2 * (c // 4) - h - c % 4) % 7
    n = h + k - 7 * ((a + 11 * h + 22 * k) // 451) + 114
    easter = as_day(date(year, n // 31, n % 31 + 1))

    def monday(month: int, last: bool) -> int:
        day = as_day(date(year, month, 31 if last else 7))
        return day - (day + 3) % 7

    def weekday(day: int) -> int:
        return day + (7 - (day + 3) % 7 if (day + 3) % 7 >= 5 else 0)

    christmas = as_day(date(year, 12, 25))
    pair = {4: (0, 3), 5: (3, 2), 6: (2, 1)}.get((christmas + 3) % 7, (0, 1))  # Friday, Saturday, Sunday
    days = {
        weekday(as_day(date(year, 1, 1))), easter - 2, easter + 1, monday(5, False), monday(5, True), monday(8, True),
        christmas + pair[0], christmas + pair[1],
    }  # fmt: skip
    moved = {2020: ("2020-05-04", "2020-05-08"), 2022: ("2022-05-30", "2022-06-02")}
    if year in moved:
        days = (days - {as_day(moved[year][0])}) | {as_day(moved[year][1])}
    extra = ("2022-06-03", "2022-09-19", "2023-05-08")
    return frozenset(days | {as_day(day) for day in extra if day.startswith(str(year))})


def is_working(day: int) -> bool:
    return (day + 3) % 7 < 5 and day not in bank_holidays(date.fromordinal(day + 719_163).year)


def working_days_after(day: int, count: int) -> int:
    """The day `count` working days after `day`."""
    while count:
        day += 1
        count -= is_working(day)
    return day


RUNS = (("II", 5), ("SF", 16), ("R1", 39), ("R2", 84), ("R3", 154), ("RF", 292))


def run_published(day: int, count: int) -> int:
    """The second at which the settlement run of so many working days after `day` is served: some hours into the
    day that the timetable names, and two days on around Christmas."""
    due = working_days_after(day, count)
    month_day = day_text(due)[5:]
    late = 2 * DAY if month_day >= "12-20" or month_day <= "01-06" else 0
    return due * DAY + (9 + noise(901, day, count) % 10) * HOUR + late


# ------------------------------------------------------------------------------------------------------- records

Change = Callable[[list[bytes]], list[bytes]]


class Life(Slot):
    """Records that share an instant, a publication and a life: `states` are (from when, what is then served)."""

    __slots__ = ("states",)

    def __init__(
        self, at: int, pub: int, day: int, period: int, states: Sequence[tuple[Number, list[bytes]]]
    ) -> None:  # fmt: skip
        super().__init__(at, pub, day, period, states[0][0], states[-1][1])
        self.states = tuple(states)

    def rows(self, now: Number) -> list[bytes]:
        found: list[bytes] = []
        for since, rows in self.states:
            if since > now:
                break
            found = rows
        return found

    def altered(self, change: Change, since: Number = -NEVER, until: Number = NEVER) -> Life:
        """With `change` applied to what is served from `since` to `until`."""
        times = {when for when, _ in self.states} | {t for t in (since, until) if abs(t) < NEVER and t > self.seen}
        states = [(t, change(self.rows(t)) if since <= t < until else self.rows(t)) for t in sorted(times)]
        return Life(self.at, self.pub, self.day, self.period, states)

    def delayed(self, seen: Number, pub: int | None = None) -> Life:
        """Not served before `seen`; stamped as published at `pub` where that is told."""
        states = [(seen, self.rows(seen)), *((when, rows) for when, rows in self.states if when > seen)]
        if pub is None:
            return Life(self.at, self.pub, self.day, self.period, states)
        stamp = f'"{iso(pub)}"'.encode()
        again = [(when, [set_value(row, "publishTime", stamp) for row in rows]) for when, rows in states]
        return Life(self.at, pub, self.day, self.period, again)

    def of_value(self, name: str, fuel: str) -> list[bytes]:
        """Those of the final rows whose text field `name` is `fuel`."""
        return [row for row in self.states[-1][1] if f'"{name}":"{fuel}"'.encode() in row]


def _living(slot: Slot, seen: Number | None = None) -> Life:
    final = slot.rows(NEVER)
    states: list[tuple[Number, list[bytes]]] = [(slot.seen if seen is None else seen, final)]
    if slot.early is not None and slot.final > slot.seen:
        states = [(slot.seen, slot.early), (slot.final, final)]
    return Life(slot.at, slot.pub, slot.day, slot.period, states)


def _without(pattern: str) -> Change:
    return lambda rows: [row for row in rows if pattern.encode() not in row]


# -------------------------------------------------------------------------------------------------------- events


@dataclass
class Event:
    """One thing that happens. days: settlement days whose records it touches, () for all of the dataset."""

    kind: str
    code: str
    days: tuple[int, ...]
    arguments: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        day = f'"{day_text(self.days[0])}"' if self.days else "None"
        return f'plant("{self.kind}", "{self.code}", {day}{", " + words if words else ""})'


Days = list[Life]
Happening = Callable[["World", str, int, int, Days], Days]  # world, code, the event's day, the day at hand, its lives


def _seconds(clock: str | int) -> int:
    """Seconds after the day's start: from "HH:MM" of elapsed time, or as it is."""
    if isinstance(clock, int):
        return clock
    hours, minutes = clock.split(":")
    return int(hours) * HOUR + int(minutes) * MINUTE


def _span(day: int, first: str | int, minutes: float | None) -> tuple[int, int]:
    """[from, to) in seconds since 1970: `minutes` from `first` after the settlement day's start, which can reach past
    its end; None: up to its end."""
    begin = day_start(day) + _seconds(first)
    return begin, day_start(day + 1) if minutes is None else begin + round(minutes * MINUTE)


def _each(lives: Days, wanted: Callable[[Life], bool], change: Callable[[Life], Life]) -> Days:
    return [change(life) if wanted(life) else life for life in lives]


def _edit(lives: Days, span: tuple[Number, Number], change: Change, since: Any = None, until: Any = None) -> Days:
    begin, end = span
    return _each(
        lives, lambda life: begin <= life.at < end,
        lambda life: life.altered(
            change, -NEVER if since is None else moment(since), NEVER if until is None else moment(until)
        ),
    )  # fmt: skip


def late_batch(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "10:00", minutes: float = 60, late: float = 180
) -> Days:  # fmt: skip
    """All that starts in these minutes is published at one time, `late` minutes after the last of it began."""
    begin, end = _span(of, first, minutes)
    published = end - TICKS[code] + round(late * MINUTE)
    return _each(
        lives, lambda life: begin <= life.at < end and life.pub < published,
        lambda life: life.delayed(published + 30, published),
    )  # fmt: skip


def late_rows(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = 0, minutes: float | None = None, hours: float = 48
) -> Days:  # fmt: skip
    """Rows that the source shows only so many hours after the settlement day's end; their stamps tell nothing of it."""
    begin, end = _span(of, first, minutes)
    seen = day_start(of + 1) + round(hours * HOUR)
    return _each(lives, lambda life: begin <= life.at < end, lambda life: life.delayed(max(seen, life.seen)))


def extra_series(
    world: World, code: str, of: int, day: int, lives: Days, name: str = "INTTEST", first: str | int = "09:00",
    minutes: float = 240, value: int = 7,
) -> Days:  # fmt: skip
    """A series shows for some time: a test, or one that nobody knows yet."""

    def add(rows: list[bytes]) -> list[bytes]:
        if not rows or any(f'"{name}"'.encode() in row for row in rows):
            return rows
        mine = set_value(set_value(rows[0], "fuelType", f'"{name}"'.encode()), "generation", str(value).encode())
        return sorted([*rows, mine], key=lambda row: row.split(b'"fuelType":')[1])

    return _edit(lives, _span(of, first, minutes), add)


def no_series(
    world: World, code: str, of: int, day: int, lives: Days, name: str = "INTELEC", first: str | int = 0, minutes: float | None = None,
    until: Any = None,
) -> Days:  # fmt: skip
    """A series lacks some time: it pauses, is cut, or begins or ends."""
    return _edit(lives, _span(of, first, minutes), _without(f'"{name}"'), None, until)


def zeros(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "10:00", minutes: float = 120,
    names: Sequence[str] = ("CCGT", "NUCLEAR", "WIND"), until: Any = None,
) -> Days:  # fmt: skip
    """An outage published as zeros: of all usual producers, or of one."""
    wanted = tuple(f'"{name}"'.encode() for name in names)

    def zeroed(rows: list[bytes]) -> list[bytes]:
        return [set_value(row, "generation", b"0") if any(name in row for name in wanted) else row for row in rows]

    return _edit(lives, _span(of, first, minutes), zeroed, None, until)


def impossible(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "10:00", name: str = "INTVKL", value: str = "2537"
) -> Days:  # fmt: skip
    """One value that cannot be."""
    spec, begin = SPECS[code], day_start(of) + _seconds(first)

    def wrong(rows: list[bytes]) -> list[bytes]:
        if code in ("FUELHH", "FUELINST"):
            return [set_value(row, "generation", value.encode()) if f'"{name}"'.encode() in row else row for row in rows]
        return [set_value(row, spec.value, value.encode()) for row in rows]

    return _edit(lives, (begin, begin + TICKS.get(code, HALF_HOUR)), wrong)


def repeat(world: World, code: str, of: int, day: int, lives: Days, first: str | int = "08:00", minutes: float = 60) -> Days:
    """The same rows twice."""
    return _edit(lives, _span(of, first, minutes), lambda rows: [row for row in rows for _ in (0, 1)])


def conflict(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "08:00", minutes: float = 60, by: int = 3,
    later: float = 40,
) -> Days:  # fmt: skip
    """The same keys again with other values: published `later` minutes afterwards where the dataset tells that."""
    begin, end = _span(of, first, minutes)
    spec, found = SPECS[code], []
    for life in lives:
        found.append(life)
        rows = life.states[-1][1]
        if not begin <= life.at < end or not rows:
            continue
        again = [bump_value(row, spec.value, by) for row in rows]
        pub, seen = life.pub, life.seen
        if code in ("FUELHH", "FUELINST", "DEMAND"):
            pub, seen = life.pub + round(later * MINUTE), life.states[-1][0] + round(later * MINUTE)
            again = [set_value(row, "publishTime", f'"{iso(pub)}"'.encode()) for row in again]
        elif code == "BOALF":
            seen = life.seen + round(later * MINUTE)
            again = [set_value(row, "amendmentFlag", b'"UPD"') for row in again]
        found.append(Life(life.at, pub, life.day, life.period, [(seen, again)]))
    return found


def missing(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "12:00", minutes: float = 60, until: Any = None,
    since: Any = None,
) -> Days:  # fmt: skip
    """Instants without any record: from the beginning or from `since`, and for good or until the source heals."""
    return _edit(lives, _span(of, first, minutes), lambda rows: [], since, until)


def nulls(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = "13:30", minutes: float = 60, until: Any = None,
    fields: Sequence[str] = (),
) -> Days:  # fmt: skip
    """Rows that are there without their value."""
    names = fields or VALUES[code]

    def emptied(rows: list[bytes]) -> list[bytes]:
        for name in names:
            rows = [set_value(row, name, b"null") for row in rows]
        return rows

    return _edit(lives, _span(of, first, minutes), emptied, None, until)


def restated(
    world: World, code: str, of: int, day: int, lives: Days, first: str | int = 0, minutes: float | None = None, by: int = 1,
    hours: float = 36,
) -> Days:  # fmt: skip
    """Other values from so many hours after the settlement day's end."""
    since = day_start(of + 1) + round(hours * HOUR)
    return _edit(lives, _span(of, first, minutes), lambda rows: [bump_value(row, SPECS[code].value, by) for row in rows], since)


def issues_missing(
    world: World, code: str, of: int, day: int, lives: Days, issues: Sequence[int] = (3,), until: Any = None
) -> Days:  # fmt: skip
    """Forecast issues that are not there, by their place in the day."""
    if day != of:
        return lives
    for index in issues:
        at = sorted(life.at for life in lives)[index % max(1, len(lives))] if lives else 0
        lives = _edit(lives, (at, at + 1), lambda rows: [], None, until)
    return lives


def issue_cut(
    world: World, code: str, of: int, day: int, lives: Days, issue: int = 3, rows: int = 20, until: Any = None
) -> Days:  # fmt: skip
    """A forecast issue of fewer hours than it should have."""
    if day != of:
        return lives
    at = sorted(life.at for life in lives)[issue % len(lives)] if lives else 0
    return _edit(lives, (at, at + 1), lambda all_rows: all_rows[:rows], None, until)


def issue_late(world: World, code: str, of: int, day: int, lives: Days, issue: int = 3, hours: float = 34) -> Days:
    """A forecast issue that is served so many hours after its stamp."""
    if day != of:
        return lives
    at = sorted(life.at for life in lives)[issue % len(lives)] if lives else 0
    return _each(lives, lambda life: life.at == at, lambda life: life.delayed(life.pub + round(hours * HOUR)))


def message_late(world: World, code: str, of: int, day: int, lives: Days, first: str | int = "11:00", hours: float = 36) -> Days:
    """A system warning that is served so many hours after its stamp."""
    at = day_start(of) + _seconds(first)
    text = (
        f'{{"dataset":"SYSWARN","publishTime":"{iso(at)}","warningType":"ELECTRICITY MARGIN NOTICE",'
        f'"warningText":"Planted, seen {hours:g} h late"}}'
    )
    return [*lives, Life(at, at, *settlement(at), [(at + round(hours * HOUR), [text.encode()])])]


def no_unit(
    world: World, code: str, of: int, day: int, lives: Days, unit: str = "T_UNIT-1", first: str | int = 0, minutes: float | None = None,
    since_run: str = "", until_run: str = "",
) -> Days:  # fmt: skip
    """A unit without rows: in part of the day, or from or up to a settlement run (it goes, it comes)."""
    counts = dict(RUNS)
    since = run_published(of, counts[since_run]) if since_run else None
    until = run_published(of, counts[until_run]) if until_run else None
    return _edit(lives, _span(of, first, minutes), _without(f'"{unit}"'), since, until)


def amended(world: World, code: str, of: int, day: int, lives: Days, first: str | int = "14:00", minutes: float = 60, hours: float = 36) -> Days:
    """Acceptances that are replaced by their amendment so many hours after the day's end (flag UPD)."""
    since = day_start(of + 1) + round(hours * HOUR)
    return _edit(
        lives, _span(of, first, minutes),
        lambda rows: [set_value(bump_value(row, "levelTo", 5), "amendmentFlag", b'"UPD"') for row in rows], since,
    )  # fmt: skip


def ends(world: World, code: str, of: int, day: int, lives: Days, returns: Any = None) -> Days:
    """The dataset ends with the day before; nothing of it comes any more, or from a day on again."""
    back = NEVER if returns is None else day_start(as_day(returns))
    return _edit(lives, (day_start(of), back), lambda rows: [])


def begins(world: World, code: str, of: int, day: int, lives: Days) -> Days:
    """Nothing before this day."""
    return _edit(lives, (-NEVER, day_start(of)), lambda rows: [])


def gone(world: World, code: str, of: int, day: int, lives: Days, since: Any = None, until: Any = None) -> Days:
    """The dataset as a whole is not served from a moment on; its list is empty, the answer well-formed."""
    return _edit(lives, (-NEVER, NEVER), lambda rows: [], day_start(of) if since is None else since, until)


def overcount(world: World, code: str, of: int, day: int, lives: Days, period: int = 5, more: int = 4) -> Days:
    """/data-status counts more in one period than is served, for good; the records are as they are."""
    return lives


@dataclass(frozen=True)
class Kind:
    """How an event kind is drawn: for which datasets, with which arguments out of the dice."""

    happens: Happening
    codes: tuple[str, ...]
    draw: Callable[[random.Random, str, int], dict[str, Any]]
    whole: bool = False  # of the whole dataset, not of a day: planted only


def _heals(dice: random.Random, day: int, code: str = "") -> Any:
    hours = dice.choice((None, 3, 13, 30, 40, 80, 200))
    # At an odd second, at which nothing else happens.
    return None if hours is None else day_start(day + 1) + hours * HOUR + 2_227 + (20 * DAY if code == "B1610" else 0)


def _part(dice: random.Random, code: str, most: int = 6) -> dict[str, Any]:
    tick = TICKS.get(code, HALF_HOUR)
    return {"first": dice.randrange(4, 80) * 900 // tick * tick, "minutes": dice.randint(1, most) * max(tick, 300) / MINUTE}


FUEL_CODES = ("FUELHH", "FUELINST")
SERIES = ("INTELEC", "INTNSL", "OTHER", "OCGT", "BIOMASS")
TICKED = tuple(TICKS)
EVENTS: dict[str, Kind] = {
    "late_batch": Kind(late_batch, FUEL_CODES, lambda dice, code, day: {
        "first": dice.randrange(0, 47) * HALF_HOUR, "minutes": dice.choice((30, 120, 240)), "late": dice.choice((12, 45, 256, 700, 1_400)),
    }),
    "late_rows": Kind(late_rows, tuple(code for code in CODES if code not in ("SYSWARN", "WINDFOR", "B1610")), lambda dice, code, day: {
        **_part(dice, code, 30), "hours": dice.choice((20, 30, 48, 80)),
    }),
    "extra_series": Kind(extra_series, FUEL_CODES, lambda dice, code, day: {
        "name": dice.choice(("INTELE", "INTTEST", "SOLAR")), "first": dice.randrange(2, 20) * HALF_HOUR, "minutes": dice.randint(1, 20) * 30,
    }),
    "pause": Kind(no_series, FUEL_CODES, lambda dice, code, day: {"name": dice.choice(SERIES)}),
    "series_cut": Kind(no_series, (*FUEL_CODES, "MID"), lambda dice, code, day: {
        "name": "APXMIDP" if code == "MID" else dice.choice(SERIES), "until": _heals(dice, day),
        **dice.choice(({"first": dice.randrange(4, 44) * HALF_HOUR, "minutes": 60}, {"first": dice.randrange(20, 40) * HALF_HOUR})),
    }),
    "zeros": Kind(zeros, FUEL_CODES, lambda dice, code, day: {**_part(dice, code, 4), "until": _heals(dice, day)}),
    "never_zero": Kind(zeros, FUEL_CODES, lambda dice, code, day: {**_part(dice, code, 12), "names": ("NUCLEAR",)}),
    "impossible": Kind(impossible, FUEL_CODES, lambda dice, code, day: {"first": dice.randrange(4, 44) * HALF_HOUR, "name": dice.choice(("INTVKL", "OTHER")), "value": "10832"}),
    "repeat": Kind(repeat, CODES, lambda dice, code, day: _part(dice, code)),
    "conflict": Kind(conflict, ("FUELHH", "FUELINST", "DEMAND", "BOALF", "CARBON"), lambda dice, code, day: _part(dice, code)),
    "missing": Kind(missing, TICKED, lambda dice, code, day: {**_part(dice, code), "until": _heals(dice, day, code)}),
    "vanish": Kind(missing, tuple(code for code in TICKED if code != "B1610"), lambda dice, code, day: {
        **_part(dice, code), "since": day_start(day + 1) + dice.choice((14, 30, 60)) * HOUR,
        "until": dice.choice((None, day_start(day + 1) + 100 * HOUR)),
    }),
    "nulls": Kind(nulls, ("DEMAND", "CARBON"), lambda dice, code, day: {**_part(dice, code), "until": _heals(dice, day)}),
    "restated": Kind(restated, tuple(code for code in CODES if code not in ("SYSWARN", "B1610")), lambda dice, code, day: {
        **_part(dice, code, 20), "hours": dice.choice((8, 20, 36, 90)),
    }),
    "issues_missing": Kind(issues_missing, ("WINDFOR",), lambda dice, code, day: {"issues": tuple(dice.sample(range(1, 7), dice.choice((2, 3)))), "until": _heals(dice, day)}),
    "issue_cut": Kind(issue_cut, ("WINDFOR",), lambda dice, code, day: {"issue": dice.randint(0, 7), "rows": dice.choice((1, 20, 48)), "until": _heals(dice, day)}),
    "issue_late": Kind(issue_late, ("WINDFOR",), lambda dice, code, day: {"issue": dice.randint(0, 7), "hours": dice.choice((10, 34))}),
    "message_late": Kind(message_late, ("SYSWARN",), lambda dice, code, day: {"first": dice.randrange(0, 86_400, 60), "hours": dice.choice((2, 36))}),
    "unit_stops": Kind(no_unit, ("B1610",), lambda dice, code, day: {"unit": "T_UNIT-2", "first": dice.randrange(8, 40) * HALF_HOUR}),
    "unit_comes": Kind(no_unit, ("B1610",), lambda dice, code, day: {"unit": "T_UNIT-3", "until_run": dice.choice(("SF", "R1"))}),
    "unit_goes": Kind(no_unit, ("B1610",), lambda dice, code, day: {"unit": "T_UNIT-4", "since_run": dice.choice(("SF", "R2"))}),
    "amended": Kind(amended, ("BOALF",), lambda dice, code, day: {**_part(dice, code), "hours": dice.choice((10, 36))}),
    "lost_half_hour": Kind(missing, ("BOALF",), lambda dice, code, day: {"first": dice.randrange(2, 44) * HALF_HOUR, "minutes": 30, "until": _heals(dice, day)}),
    "overcount": Kind(overcount, ("BOALF", "FREQ", "NETBSAD", "DISBSAD"), lambda dice, code, day: {"period": dice.randint(3, 44), "more": dice.randint(1, 5)}),
    "ends": Kind(ends, CODES, lambda dice, code, day: {}, whole=True),
    "begins": Kind(begins, CODES, lambda dice, code, day: {}, whole=True),
    "gone": Kind(gone, CODES, lambda dice, code, day: {}, whole=True),
}  # fmt: skip


# Of these nothing odd is left after some days.
FADING = ("late_rows", "restated", "issue_late", "message_late", "amended")

# --------------------------------------------------------------------------------------------------------- world

BEGINS = {"DEMAND": "2016-03-01", "WINDFOR": "2016-03-10", "MID": "2016-09-29", "CARBON": "2017-09-19", "FUELINST": "2016-01-01"}
_KEPT = 300_000  # lives kept in memory
# What the metadata calls the newest of a dataset is looked for in so many days before now.
_NEWEST_WITHIN = 40


class World(Source):
    """What the sources hold, moment by moment. The clock stands where `set_clock` puts it."""

    def __init__(self, seed: int = 0, clock: str | Number = "2024-06-20T05:30Z", units: int = 5) -> None:
        self.seed, self.units = seed, [f"T_UNIT-{number}" for number in range(1, units + 1)]
        self.events: list[Event] = []
        self._still: list[tuple[Number, Number, frozenset[str]]] = []
        self._down: list[tuple[Number, Number, frozenset[str]]] = []
        self._lives: OrderedDict[tuple[str, int], Days] = OrderedDict()
        self._held = 0
        super().__init__(Switches(gaps=False, boalf_per_day=60))
        self._making = threading.RLock()
        self._made = MadeUp(1.0, units, 60, gaps=False)
        self.set_clock(clock)

    # -- time

    def set_clock(self, when: str | Number) -> None:
        self.switches.now = moment(when)
        self.epoch += 1

    @property
    def clock(self) -> Number:
        return self.switches.now  # type: ignore[no-any-return]

    def stand_still(self, first: str | Number, last: str | Number, codes: Iterable[str] = CODES) -> None:
        """Between these moments the sources answer with what they had at the first: well-formed, nothing new."""
        self._still.append((moment(first), moment(last), frozenset(map(code_of, codes))))
        self.epoch += 1

    def be_down(self, first: str | Number, last: str | Number, codes: Iterable[str] = CODES) -> None:
        """Between these moments every request is answered 503."""
        self._down.append((moment(first), moment(last), frozenset(map(code_of, codes))))
        self.epoch += 1

    def data_time(self, code: str, at: Number | None = None) -> Number:
        """Up to which moment the source has followed the world, when it is `at` (now, if not told)."""
        at = self.clock if at is None else at
        for first, last, codes in self._still:
            if code in codes and first <= at < last:
                at = first
        return at

    def is_down(self, code: str, at: Number | None = None) -> bool:
        at = self.clock if at is None else at
        return any(code in codes and first <= at < last for first, last, codes in self._down)

    # -- events

    def plant(self, kind: str, code: str, day: str | date | int | None = None, /, **arguments: Any) -> Event:
        """Let it happen on this settlement day; a span of minutes may reach into the next. See EVENTS."""
        code = code_of(code)
        if kind not in EVENTS:
            raise ValueError(f"unknown event {kind!r}; one of {', '.join(EVENTS)}")
        of = 0 if day is None else as_day(day)
        event = Event(kind, code, (of, of + 1), arguments)
        EVENTS[kind].happens(self, code, of, of, [], **arguments)  # wrong arguments show at once
        self.events.append(event)
        with self._making:
            self._lives.clear()
            self._held = 0
        self.epoch += 1
        return event

    def draw(
        self, codes: Iterable[str], days: Iterable[int], share: float = 0.35, kinds: Iterable[str] = (), lasting: bool = False
    ) -> list[Event]:  # fmt: skip
        """Plant events by the world's seed: about `share` of the days of a dataset have one, at most two.

        kinds: only of these (all that can happen on a day, if not told). lasting: only what is still to be seen long
        afterwards; nothing heals.
        """
        drawn = []
        for code in map(code_of, codes):
            possible = [
                name for name, kind in EVENTS.items()
                if code in kind.codes and not kind.whole and (not kinds or name in kinds) and not (lasting and name in FADING)
            ]  # fmt: skip
            for day in days:
                dice = random.Random(f"{self.seed}/{code}/{day}")
                if not possible or dice.random() > share:
                    continue
                for kind in dice.sample(possible, min(len(possible), dice.choice((1, 1, 1, 2)))):
                    drawn_so = EVENTS[kind].draw(dice, code, day)
                    if lasting and "until" in drawn_so:
                        drawn_so["until"] = None
                    drawn.append(self.plant(kind, code, day, **drawn_so))
        return drawn

    def happened(self, code: str, day: str | date | int) -> list[Event]:
        """The events that can have touched this settlement day."""
        code, number = code_of(code), as_day(day)
        return [event for event in self.events if event.code == code and (number in event.days or EVENTS[event.kind].whole)]

    # -- records

    def day(self, code: str, day: int) -> Days:
        """The lives of all records of a settlement day, by their true instant."""
        with self._making:
            key = code, day
            if key in self._lives:
                self._lives.move_to_end(key)
                return self._lives[key]
            lives = [] if day_text(day) < BEGINS.get(code, "2016-01-01") else self._make(code, day)
            for event in self.events:
                kind = EVENTS[event.kind]
                if event.code == code and (day in event.days or kind.whole):
                    lives = kind.happens(self, code, event.days[0], day, lives, **event.arguments)
            lives = [life for life in lives if settlement(life.at)[0] == day and any(rows for _, rows in life.states)]
            lives.sort(key=lambda life: (life.at, life.pub))
            self._lives[key] = lives
            self._held += len(lives)
            while self._held > _KEPT and len(self._lives) > 1:
                self._held -= len(self._lives.popitem(last=False)[1])
            return lives

    def _make(self, code: str, day: int) -> Days:
        if code == "BOALF":
            return self._boalf(day)
        if code == "B1610":
            return self._b1610(day)
        slots = self._made.day(code, day, NEVER)
        if code in ("NETBSAD", "DISBSAD"):
            return [_living(slot, (day + 1) * DAY + 12 * HOUR) for slot in slots]
        return [_living(slot) for slot in slots]

    def _boalf(self, day: int) -> Days:
        """A dozen and more segments in every half hour, fewer than a real day has."""
        lives = []
        for period, start in enumerate(half_hours(day), 1):
            for number in range(12 + noise(910, start, self.seed) % 5):
                bits = noise(911, start, number)
                at = start + number % 30 * MINUTE
                end = at + (2, 5, 12, 40)[bits % 4] * MINUTE
                row = (
                    f'{{"dataset":"BOALF","settlementDate":"{day_text(day)}","settlementPeriodFrom":{period},'
                    f'"settlementPeriodTo":{settlement(end)[1]},"timeFrom":"{iso(at)}","timeTo":"{iso(end)}",'
                    f'"levelFrom":{bits % 400},"levelTo":{(bits >> 9) % 400},'
                    f'"acceptanceNumber":{start // HALF_HOUR * 20 + number},"acceptanceTime":"{iso(at - 300)}",'
                    f'"deemedBoFlag":false,"soFlag":false,"amendmentFlag":"ORI","storFlag":false,"rrFlag":false,'
                    f'"nationalGridBmUnit":"UNIT-{bits % 40}","bmUnit":"T_UNIT-{bits % 40}"}}'
                )
                lives.append(Life(at, at, day, period, [(at + 600, [row.encode()])]))
        return lives

    def _b1610(self, day: int) -> Days:
        """A few units; a settlement run replaces the one before and changes some values."""
        when = [(run, run_published(day, count)) for run, count in RUNS]
        lives = []
        for period, start in enumerate(half_hours(day), 1):
            states: list[tuple[Number, list[bytes]]] = []
            for place, (run, published) in enumerate(when):
                rows = []
                for number, unit in enumerate(self.units):
                    quantity = noise(920, start, number) % 200_000 / 1_000 * (-1 if number % 3 == 2 else 1)
                    quantity += place if (period + number) % 4 == 0 else 0
                    rows.append(
                        f'{{"dataset":"B1610","psrType":"Generation","bmUnit":"{unit}","nationalGridBmUnitId":'
                        f'{"null" if number % 3 == 2 else chr(34) + unit[2:] + chr(34)},"settlementDate":"{day_text(day)}",'
                        f'"settlementPeriod":{period},"halfHourEndTime":"{iso(start + HALF_HOUR)[:-1]}",'
                        f'"settlementRunType":"{run}","quantity":{quantity:.3f}}}'.encode()
                    )
                states.append((published, rows))
            lives.append(Life(start, start, day, period, states))
        return lives

    # -- what is served

    def truth(self, code: str, day: str | date | int, at: str | Number | None = None) -> list[bytes]:
        """Every record, repeats included, that the source serves of this settlement day at that moment (now, if not
        told), oldest first. Says nothing of whether the source answers at all: see is_down."""
        code = code_of(code)
        now = self.data_time(code, None if at is None else moment(at))
        return [row for life in self.day(code, as_day(day)) for row in life.rows(now)]

    def expected(self, code: str, day: int) -> list[bytes]:
        return list(dict.fromkeys(self.truth(code, day)))

    def changes(self, code: str, day: str | date | int) -> list[Number]:
        """The moments at which what is served of this settlement day becomes another."""
        code = code_of(code)
        return sorted({when for life in self.day(code, as_day(day)) for when, _ in life.states})

    def newest(self, code: str, at: Number | None = None) -> int | None:
        """The latest publication that is served at this moment (of half hours that are over); None: nothing."""
        at = self.clock if at is None else at
        now = self.data_time(code, at)
        today = settlement(int(now))[0]
        for day in range(today + (code == "CARBON"), today - _NEWEST_WITHIN, -1):
            found = [life.pub for life in self.day(code, day) if life.rows(now) and life.pub <= now]
            if found:
                return max(found)
        return None

    # -- as a source of the stand-in

    codes = CODES

    def renew(self) -> None:
        self.epoch += 1

    def now(self) -> Number:
        return self.clock

    def elexon(self, path: str, query: dict[str, list[str]]) -> Answer:
        found = re.fullmatch(r"/(?:datasets|data-status)/([A-Z0-9]+)(?:/stream)?", path)
        code = found[1] if found else "DEMAND" if path.startswith("/demand/") else "FUELHH"
        if self.is_down(code):
            raise Problem(503, b'{"statusCode":503,"message":"Service unavailable"}', "application/json")
        return super().elexon(path, query)

    def carbon(self, path: str) -> Answer:
        if self.is_down("CARBON"):
            raise Problem(503, b'{"statusCode":503,"message":"Service unavailable"}', "application/json")
        return super().carbon(path)

    def overcounted(self, code: str) -> dict[tuple[int, int], int]:
        more: dict[tuple[int, int], int] = {}
        for event in self.events:
            if event.kind == "overcount" and event.code == code:
                given = event.arguments
                key = event.days[0], given.get("period", 5)
                more[key] = more.get(key, 0) + given.get("more", 4)
        return more

    def between(self, code: str, first: int, last: int, wanted: Callable[[Slot], bool]) -> list[Slot]:
        # Published up to a day after its start, and labelled with the next day: two days of reach.
        reach = 2 if code in FUEL_CODES else 0
        now = self.data_time(code)
        lowest = as_day("2015-12-31")
        days = range(max(first - reach, lowest), min(last, settlement(int(now) + 2 * DAY)[0]) + 1)
        return [_served(life, now) for day in days for life in self.day(code, day) if life.seen <= now and wanted(life)]

    def latest(self, code: str) -> list[Slot]:
        newest, now = self.newest(code), self.data_time(code)
        if newest is None:
            return []
        day = settlement(newest)[0]
        lives = [life for near in (day - 2, day - 1, day) for life in self.day(code, near) if life.rows(now) and life.pub <= now]
        top = max(life.at for life in lives)
        return [_served(life, now) for life in lives if (top - DAY if code == "FREQ" else top) <= life.at <= top]

    def last_updated(self, code: str) -> int | None:
        return self.newest(code)


def _served(life: Life, now: Number) -> Slot:
    """What is served of it, as it stands: the server asks by its own clock, which a source that stands still is not
    at."""
    return Slot(life.at, life.pub, life.day, life.period, life.seen, life.rows(now))
