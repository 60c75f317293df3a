"""The GB settlement calendar against the rule of the clock changes: last Sundays of March and October, 01:00 UTC."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.base.gb_calendar import (
    HALF_HOUR,
    day_end,
    day_length,
    day_start,
    days_between,
    parse_utc,
    period_start,
    periods_in,
    settlement_day,
    settlement_period,
    utc_text,
)

UTC = timezone.utc
FIRST, LAST = date(2015, 1, 1), date(2030, 12, 31)
DAYS = st.dates(FIRST, LAST)
INSTANTS = st.datetimes(datetime(2015, 1, 1), datetime(2030, 12, 31, 23, 59, 59), timezones=st.just(UTC))


def change_day(year: int, month: int) -> date:
    """The last Sunday of a month of 31 days."""
    last = date(year, month, 31)
    return last - timedelta((last.weekday() + 1) % 7)


def local_clock(instant: datetime) -> datetime:
    """What clocks in London show, by the rule."""
    spring, autumn = (
        datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
        for day in (change_day(instant.year, 3), change_day(instant.year, 10))
    )
    return instant.replace(tzinfo=None) + timedelta(hours=1 if spring <= instant < autumn else 0)


def test_every_day_of_sixteen_years_has_its_periods_and_the_days_leave_no_gap() -> None:
    for day in days_between(FIRST, LAST):
        expected = 46 if day == change_day(day.year, 3) else 50 if day == change_day(day.year, 10) else 48
        assert periods_in(day) == expected == day_length(day) / HALF_HOUR, day
        assert day_end(day) == day_start(day + timedelta(1))
        assert local_clock(day_start(day)) == datetime(day.year, day.month, day.day)


@given(INSTANTS)
def test_an_instant_lies_in_the_day_that_clocks_in_london_show(instant: datetime) -> None:
    day = settlement_day(instant)
    assert day == local_clock(instant).date()
    assert day_start(day) <= instant < day_end(day)


@given(INSTANTS)
def test_the_period_of_an_instant_begins_at_most_half_an_hour_before_it(instant: datetime) -> None:
    start = period_start(settlement_day(instant), settlement_period(instant))
    assert start <= instant < start + HALF_HOUR


@given(st.one_of(DAYS, st.integers(2015, 2030).flatmap(lambda y: st.sampled_from([change_day(y, 3), change_day(y, 10)]))))
def test_periods_and_their_starts_are_inverse(day: date) -> None:
    for period in range(1, periods_in(day) + 1):
        start = period_start(day, period)
        assert (settlement_day(start), settlement_period(start)) == (day, period)
        assert settlement_period(start + timedelta(minutes=29, seconds=59)) == period
    for period in (0, -1, periods_in(day) + 1):
        with pytest.raises(ValueError, match="no period"):
            period_start(day, period)


def test_known_instants() -> None:
    # Period 1 begins at 23:00Z of the day before in summer; 2022-06-25T23:45Z is labelled 2022-06-26 SP2 by Elexon.
    assert period_start(date(2022, 6, 26), 2) == datetime(2022, 6, 25, 23, 30, tzinfo=UTC)
    assert (day_start(date(2024, 3, 31)), day_end(date(2024, 3, 31))) == (
        datetime(2024, 3, 31, 0, tzinfo=UTC), datetime(2024, 3, 31, 23, tzinfo=UTC),
    )  # fmt: skip
    assert (day_start(date(2024, 10, 27)), day_end(date(2024, 10, 27))) == (
        datetime(2024, 10, 26, 23, tzinfo=UTC), datetime(2024, 10, 28, 0, tzinfo=UTC),
    )  # fmt: skip


def test_an_instant_needs_its_time_zone() -> None:
    for function in (settlement_day, settlement_period):
        with pytest.raises(ValueError, match="naive"):
            function(datetime(2024, 1, 1))


@given(INSTANTS)
def test_times_are_read_as_they_are_printed(instant: datetime) -> None:
    whole = instant.replace(microsecond=0)
    assert parse_utc(utc_text(instant)) == whole
    assert parse_utc(utc_text(instant)[:-1]) == whole, "a time without an offset is UTC"
    assert parse_utc(utc_text(instant)[:16] + "Z") == whole.replace(second=0)
    assert parse_utc(instant.astimezone(timezone(timedelta(hours=1))).isoformat()) == instant
    digits = f"{instant.microsecond:06d}789"
    assert parse_utc(f"{utc_text(instant)[:-1]}.{digits}Z") == instant, "more than six decimals lose the rest"


@given(st.one_of(st.text(), st.from_regex(r"[0-9T:.Z+-]{0,30}"), st.just("2024-01-01")))
def test_what_is_no_time_is_a_value_error_or_a_time(text: str) -> None:
    try:
        assert parse_utc(text).tzinfo is not None
    except ValueError:
        assert True


@given(DAYS, st.integers(-3, 40))
def test_days_between_are_all_and_in_order(first: date, count: int) -> None:
    found = list(days_between(first, first + timedelta(count)))
    assert found == [first + timedelta(n) for n in range(max(0, count + 1))]
