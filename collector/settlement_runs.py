"""When each settlement run of a day is due: the timetable of the Balancing and Settlement Code, in working days.

Source: BSC Section U and BSCP01 (II 5 working days after the settlement day, SF 16, R1 39, R2 84, R3 154, RF 292); the
changes announced for 2027 by Elexon's market-wide half-hourly settlement programme: RF comes after seven months from
1 April, and from the settlement day 2 July 2027 on SF comes after 7 working days, R2 and R3 fall away, RF comes after
84; what is still due by the old timetable ends by 31 October 2027.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache, lru_cache

from collector.base.gb_calendar import ONE_DAY

# From this settlement day on -> working days after it at which each run is due.
TIMETABLE: tuple[tuple[date, tuple[tuple[str, int], ...]], ...] = (
    (date(2000, 1, 1), (("II", 5), ("SF", 16), ("R1", 39), ("R2", 84), ("R3", 154), ("RF", 292))),
    (date(2027, 4, 1), (("II", 5), ("SF", 16), ("R1", 39), ("R2", 84), ("RF", 154))),
    (date(2027, 7, 2), (("II", 5), ("SF", 7), ("R1", 39), ("RF", 84))),
)
OLD_RUNS_END = date(2027, 10, 31)
_NEW_TIMETABLE = TIMETABLE[-1][0]


@cache
def _bank_holidays(year: int) -> frozenset[date]:
    """The bank holidays of England in a year, the extraordinary ones included."""
    # Only who plans settlement runs waits for it.
    import holidays

    return frozenset(holidays.country_holidays("GB", subdiv="ENG", years=year))


def is_working_day(day: date) -> bool:
    """Whether Elexon counts `day`: no Saturday, Sunday or English bank holiday."""
    return day.weekday() < 5 and day not in _bank_holidays(day.year)


def working_days_after(day: date, count: int) -> date:
    """The `count`-th working day after `day`."""
    while count:
        day += ONE_DAY
        count -= is_working_day(day)
    return day


@lru_cache(maxsize=8192)
def runs_due(day: date) -> tuple[tuple[str, date], ...]:
    """The settlement runs of `day`, first to last, each with the date on which it is due."""
    runs = next(runs for since, runs in reversed(TIMETABLE) if day >= since)
    found, at, done = [], day, 0
    for run, count in runs:
        at, done = working_days_after(at, count - done), count
        found.append((run, at if day >= _NEW_TIMETABLE else min(at, max(OLD_RUNS_END, day + timedelta(days=30)))))
    return tuple(found)
