"""The GB settlement calendar and the API's forms of time, independent of the product's.

Moments are whole seconds since 1970 UTC, days whole days since 1970. A settlement day runs from midnight to midnight in
London and has 46, 48 or 50 half hours, numbered from 1.
"""

from __future__ import annotations

import calendar
import re
from datetime import date, datetime
from functools import cache, lru_cache

DAY, HALF_HOUR = 86_400, 1_800
Number = int | float


@cache
def _clock_changes(year: int) -> tuple[int, int]:
    """Days (since 1970) on which clocks change in Great Britain: last Sundays of March and October, both at
    01:00Z.
    """

    def last_sunday(month: int) -> int:
        last = date(year, month, 31)
        return days(last) - (last.weekday() + 1) % 7

    return last_sunday(3), last_sunday(10)


def days(day: date) -> int:
    return day.toordinal() - 719_163


def is_summer(moment: int) -> bool:
    """True where British Summer Time is in force at this second."""
    spring, autumn = _clock_changes(date.fromordinal(moment // DAY + 719_163).year)
    return spring * DAY + 3_600 <= moment < autumn * DAY + 3_600


@lru_cache(maxsize=20_000)
def day_start(day: int) -> int:
    """The second at which settlement day `day` begins: midnight in London."""
    midnight = day * DAY
    return midnight - 3_600 if is_summer(midnight - 3_600) else midnight


def settlement(moment: int) -> tuple[int, int]:
    """(settlement day, settlement period from 1) in which this second lies."""
    day = (moment + 3_600) // DAY
    if moment < day_start(day):
        day -= 1
    return day, (moment - day_start(day)) // HALF_HOUR + 1


def half_hours(day: int) -> range:
    """Starts of the 46, 48 or 50 half hours of a settlement day."""
    return range(day_start(day), day_start(day + 1), HALF_HOUR)


@lru_cache(maxsize=20_000)
def day_text(day: int) -> str:
    return date.fromordinal(day + 719_163).isoformat()


def iso(moment: int) -> str:
    day, second = divmod(moment, DAY)
    return f"{day_text(day)}T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"


def iso_minutes(moment: int) -> str:
    return iso(moment)[:16] + "Z"


_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(Z|[+-]\d\d:\d\d))?", re.ASCII)


@lru_cache(maxsize=100_000)
def parse_instant(text: str) -> int:
    """RFC 3339 or a plain date (midnight UTC), as the real service takes them; ValueError for anything
    else.
    """
    found = _INSTANT.fullmatch(text)
    if not found:
        raise ValueError(text)
    day, clock, seconds, zone = found.groups()
    if clock is None:
        return days(date.fromisoformat(day)) * DAY
    moment = datetime.fromisoformat(f"{day}T{clock}{seconds or ':00'}{'+00:00' if zone == 'Z' else zone}")
    return calendar.timegm(moment.utctimetuple())


@lru_cache(maxsize=20_000)
def parse_day(text: str) -> int:
    """Exactly yyyy-MM-dd; ValueError for anything else."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        raise ValueError(text)
    return days(date.fromisoformat(text))


def as_day(day: str | date | int) -> int:
    return day if isinstance(day, int) else days(day) if isinstance(day, date) else parse_day(day)


def working_days_after(day: int, count: int) -> int:
    """The day `count` Mondays-to-Fridays after `day` (bank holidays are not modelled)."""
    while count:
        day += 1
        count -= (day + 3) % 7 < 5  # day 0 was a Thursday: (0 + 3) % 7 == 3
    return day
