"""The GB settlement calendar: the only place where settlement days are computed.

A settlement day runs from midnight to midnight in Europe/London, so it has 48 half-hour settlement periods, 46 on
the spring clock change and 50 on the autumn one. Instants are aware UTC datetimes; a naive datetime raises
ValueError. Source: Elexon BSC Section S and the Insights API documentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from functools import cache, lru_cache

UTC = timezone.utc
HALF_HOUR = timedelta(minutes=30)
ONE_DAY = timedelta(days=1)
# As sources abbreviate them, in lower case.
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# fromisoformat alone takes more or less than this, depending on Python's version.
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)


@cache
def _london() -> tzinfo:
    # Not at the top: --list-datasets has no use for it, and it takes 4 ms.
    from zoneinfo import ZoneInfo

    return ZoneInfo("Europe/London")


def utc_now() -> datetime:
    """The present instant, aware, UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=16384)
def day_start(day: date) -> datetime:
    """The first instant of settlement day `day` (00:00 Europe/London), in UTC."""
    return datetime.combine(day, time(), _london()).astimezone(UTC)


def day_end(day: date) -> datetime:
    """The instant at which settlement day `day` is over: the first of the next, in UTC."""
    return day_start(day + ONE_DAY)


def settlement_day(instant: datetime) -> date:
    """The settlement day that `instant` lies in. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"naive datetime {instant!r}: an instant needs its time zone")
    return instant.astimezone(_london()).date()


def settlement_period(instant: datetime) -> int:
    """The settlement period (1 to 46, 48 or 50) that `instant` lies in; the inverse of period_start."""
    return (instant - day_start(settlement_day(instant))) // HALF_HOUR + 1


def period_start(day: date, period: int) -> datetime:
    """The UTC instant at which `period` of `day` begins. Raises ValueError if that day has no such period."""
    if not 1 <= period <= periods_in(day):
        raise ValueError(f"settlement day {day} has no period {period}: it has {periods_in(day)}")
    return day_start(day) + (period - 1) * HALF_HOUR


def day_length(day: date) -> timedelta:
    """How long settlement day `day` lasts: 23, 24 or 25 hours."""
    return day_end(day) - day_start(day)


def periods_in(day: date) -> int:
    """How many settlement periods `day` has: 46, 48 or 50."""
    return day_length(day) // HALF_HOUR


def days_between(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included; nothing when `last` is before `first`."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def utc_text(instant: datetime) -> str:
    """RFC 3339 text of an instant in whole seconds, e.g. 2022-06-25T23:00:00Z."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_utc(text: str) -> datetime:
    """The instant of an ISO 8601 text; one without an offset is UTC, as B1610's halfHourEndTime is.

    Raises ValueError when the text is no date and time.
    """
    if not _TIME.fullmatch(text):
        raise ValueError(f"{text!r} is not a date and time")
    # Python 3.10's fromisoformat knows neither Z nor more than six decimals, which .NET services print.
    body = text[:-1] + "+00:00" if text[-1] in "Zz" else text
    head, dot, tail = body.partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        body = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    instant = datetime.fromisoformat(body)
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
