"""What is asked for, and when: cutting days into windows, the query of each endpoint, which days are read again."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from conftest import TWELVE, days, question
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from collector import command_line
from collector.base.gb_calendar import HALF_HOUR, day_end, day_start, parse_utc, settlement_day
from collector.days import Stored, Task, days_text, days_to_fetch, final_after, is_due, spans
from collector.registry.model import Dataset
from collector.source.memory import BODY_BUDGET, LEAST_WORKERS, RECORD_OVERHEAD, window_days, workers_for
from collector.storage.day_objects import DayObject, object_name
from collector.storage.profile import Profile, encode
from datasets_config import REGISTRY

UTC = timezone.utc
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
# Runs of days, some joined, around the end of a year.
DAY_SETS = st.lists(st.tuples(st.dates(date(2021, 12, 1), date(2022, 1, 20)), st.integers(1, 40)), max_size=4).map(
    lambda runs: {first + timedelta(n) for first, count in runs for n in range(count)}
)
RANGES = st.tuples(st.dates(date(2016, 1, 1), date(2027, 12, 1)), st.integers(1, 40))
DEFECT_END = date(2022, 7, 15)


# ------------------------------------------------------------------------------------------------------------ cutting
@given(DAY_SETS, st.integers(1, 40), st.booleans())
def test_windows_cover_the_wanted_days_and_no_other(wanted: set[date], most: int, split_years: bool) -> None:
    found = list(spans(sorted(wanted), most, split_years))
    assert [day for span in found for day in span.days] == sorted(wanted)
    for span in found:
        assert 1 <= len(span.days) <= most
        assert not split_years or span.first.year == span.last.year
    for before, after in pairwise(found):
        joined = after.first == before.last + timedelta(1)
        same_year = before.last.year == after.first.year
        assert not joined or len(before.days) == most or (split_years and not same_year), "cut without need"


@given(DAY_SETS)
def test_days_are_told_shortly(wanted: set[date]) -> None:
    assume(wanted)
    text = days_text(sorted(wanted))
    assert str(min(wanted)) in text and str(max(wanted)) in text
    assert len(text) < 90


def test_a_window_is_no_longer_than_the_user_and_the_dataset_allow() -> None:
    assert window_days(REGISTRY["market_index"], 7) == 7
    assert window_days(REGISTRY["market_index"], 366) == 31
    assert window_days(REGISTRY["individual_generation"], 366) == 1


@pytest.mark.parametrize("key", TWELVE)
def test_windows_at_one_time_fit_the_memory(key: str) -> None:
    dataset = REGISTRY[key]
    longest = window_days(dataset, 366)
    workers = workers_for(dataset, longest, 64)
    assert 1 <= workers <= 64
    window = longest * dataset.rows_per_day * (dataset.bytes_per_row + RECORD_OVERHEAD)
    assert workers == LEAST_WORKERS or workers * window <= BODY_BUDGET
    assert workers * window < 700_000_000
    assert workers_for(dataset, longest, 1) == 1


# ------------------------------------------------------------------------------------------------------------- asking
def served(dataset: Dataset, path: str, query: dict[str, str], around: list[datetime]) -> Iterator[datetime]:
    """Which of these instants the real endpoint answers this request with (facts: bounds are inclusive)."""
    texts = re.findall(r"/(\d{4}[^/]*Z)", path) if "from_minute" in dataset.endpoint.placeholders else list(query.values())
    for instant in around:
        if "first_date" in dataset.endpoint.placeholders:
            low, high = map(date.fromisoformat, texts)
            day = settlement_day(instant)
            labels = {day}
            if dataset.code == "FUELHH" and day < DEFECT_END and instant >= day_end(day) - HALF_HOUR:
                labels.add(day + timedelta(1))  # wrong on most days, right on some: either may be served
            if any(low <= label <= high for label in labels):
                yield instant
        else:
            low, high = map(parse_utc, texts)  # type: ignore[assignment]
            # The carbon API filters on the end of the half hour, FUELINST is asked by its time of publication.
            # The carbon API filters on the end of the half hour, FUELINST is asked by its time of publication: five
            # minutes after the start, or whenever an outage is over.
            lates = {"carbon_intensity": (HALF_HOUR,), "fuel_instructions": (5 * MINUTE, 60 * 24 * MINUTE)}.get(dataset.key, (timedelta(0),))
            if any(low <= instant + late <= high for late in lates):  # type: ignore[operator]
                yield instant


@pytest.mark.parametrize("key", TWELVE)
@given(where=RANGES)
def test_what_is_asked_for_holds_the_window_and_what_may_come_back_is_known(key: str, where: tuple[date, int]) -> None:
    dataset = REGISTRY[key]
    first, count = where
    last = first + timedelta(min(count, dataset.endpoint.max_days) - 1)
    assume(not dataset.endpoint.split_years or first.year == last.year)
    start, end = day_start(first), day_end(last)
    asked = question(dataset, start, end)
    path, query = asked.path, asked.query
    tick = {"frequency": 15 * SECOND, "fuel_instructions": 5 * MINUTE}.get(key, HALF_HOUR)
    inside = [start + n * HALF_HOUR for n in range((end - start) // HALF_HOUR)] + [end - n * tick for n in (1, 2, 3)]
    if key in ("bid_offer_acceptances", "system_warnings", "wind_forecasts"):
        inside.append(end - SECOND)
    around = [edge + n * tick for edge, steps in ((start, range(-200, 0)), (end, range(200))) for n in steps]
    assert list(served(dataset, path, query, inside)) == inside
    if key == "generation_outturn" and last < DEFECT_END:
        # Both ways to label the last half hour have to be covered.
        low, high = map(date.fromisoformat, query.values())
        assert low <= first
        assert high > last
    earliest, latest = asked.earliest, asked.latest
    assert earliest <= start
    assert end - SECOND <= latest
    repeated = list(served(dataset, path, query, around))
    assert all(earliest <= instant <= latest for instant in repeated), "a right answer would be refused"
    assert latest - end <= timedelta(days=1, hours=1), "a wrong answer would pass"
    assert start - earliest <= max(HALF_HOUR, dataset.endpoint.reach), "a wrong answer would pass"


def test_adjacent_windows_do_not_repeat_the_instant_between_them() -> None:
    for key in ("frequency", "bid_offer_acceptances", "individual_generation"):
        dataset = REGISTRY[key]
        middle = day_start(date(2024, 6, 2))
        asked = question(dataset, day_start(date(2024, 6, 1)), middle)
        assert list(served(dataset, asked.path, asked.query, [middle])) == []


def test_requests_are_in_the_words_of_each_endpoint() -> None:
    start, end = day_start(date(2024, 3, 31)), day_end(date(2024, 4, 2))
    questions = {key: question(REGISTRY[key], start, end) for key in TWELVE}
    asked = {key: (one.path, one.query) for key, one in questions.items()}
    dates = {"settlementDateFrom": "2024-03-31", "settlementDateTo": "2024-04-02"}
    instants = {"from": "2024-03-31T00:00:00Z", "to": "2024-04-02T22:59:59Z"}
    published = {"publishDateTimeFrom": "2024-03-31T00:00:00Z", "publishDateTimeTo": "2024-04-02T22:59:59Z"}
    assert asked == {
        "bid_offer_acceptances": ("/datasets/BOALF/stream", instants),
        "generation_outturn": ("/datasets/FUELHH/stream", dates),
        "demand_outturn": ("/demand/outturn/stream", dates),
        "system_warnings": ("/datasets/SYSWARN/stream", published),
        "frequency": (
            "/datasets/FREQ/stream",
            {"measurementDateTimeFrom": instants["from"], "measurementDateTimeTo": instants["to"]},
        ),
        "fuel_instructions": ("/datasets/FUELINST/stream", published | {"publishDateTimeTo": "2024-04-03T23:59:59Z"}),
        "individual_generation": ("/datasets/B1610/stream", instants),
        "market_index": ("/datasets/MID/stream", instants),
        "wind_forecasts": ("/datasets/WINDFOR/stream", published),
        "balancing_services": ("/datasets/NETBSAD/stream", instants),
        "carbon_intensity": ("/intensity/2024-03-31T00:00Z/2024-04-02T23:00Z", {}),
        "balancing_services_disaggregated": ("/datasets/DISBSAD/stream", instants),
    }


def test_where_labels_are_late_the_day_after_is_asked_for_too() -> None:
    dataset = REGISTRY["generation_outturn"]

    def asked(first: str, last: str) -> list[str]:
        return list(question(dataset, day_start(date.fromisoformat(first)), day_end(date.fromisoformat(last))).query.values())

    assert asked("2022-03-26", "2022-03-27") == ["2022-03-26", "2022-03-28"]
    assert asked("2022-07-14", "2022-07-14") == ["2022-07-14", "2022-07-15"]
    assert asked("2022-07-16", "2022-07-20") == ["2022-07-16", "2022-07-20"]


# ------------------------------------------------------------------------------------------------- which days, and when
def stored(
    dataset: Dataset, day: date, fetched: datetime | None, rows: int = 100, confirmed: bool = False, first: datetime | None = None,
    profile: Profile | None = None,
) -> DayObject:  # fmt: skip
    profile = profile or Profile(rows, runs={"RF": rows} if dataset.settlement_runs and rows else {})
    return DayObject(
        day, object_name(dataset.key, day), 1, 1, 10, rows, "x", fetched, confirmed, frozenset(), first or fetched, profile_text=encode(profile)
    )


@pytest.mark.parametrize("key", [key for key in TWELVE if not REGISTRY[key].settlement_runs])
@settings(max_examples=20)
@given(day=st.dates(date(2020, 1, 1), date(2026, 1, 1)), every=st.integers(6, 200), first=st.integers(0, 500))
def test_each_revision_is_read_once_and_then_never_again(key: str, day: date, every: int, first: int) -> None:
    dataset = REGISTRY[key]
    now = day_start(day) + timedelta(hours=first)
    ends = [day_end(day)] + [day_end(day) + timedelta(days=n) for n in dataset.revision_days]
    fetches = [now]
    while now < final_after(dataset, day) + timedelta(days=30):
        now += timedelta(hours=every)
        thing = stored(dataset, day, fetches[-1])
        due = fetches[-1] < ends[0] or any(fetches[-1] < end <= now for end in ends)
        assert is_due(dataset, thing, Stored({day: thing}), now) == due
        if due:
            fetches.append(now)
    assert fetches[-1] >= final_after(dataset, day)
    thing = stored(dataset, day, fetches[-1])
    assert not is_due(dataset, thing, Stored({day: thing}), now + timedelta(days=4_000))


def test_days_that_have_not_begun_are_not_asked_for() -> None:
    task = Task(REGISTRY["market_index"], date(2024, 6, 1), date(2024, 6, 10))
    # 23:30Z of 5 June is 00:30 of 6 June in London.
    now = datetime(2024, 6, 5, 23, 30, tzinfo=UTC)
    assert days_to_fetch(task, Stored({}), now, force=False) == days("2024-06-01", "2024-06-06")
    assert days_to_fetch(task, Stored({}), now - timedelta(hours=1), force=True) == days("2024-06-01", "2024-06-05")


def test_only_missing_days_are_fetched_unless_forced() -> None:
    dataset = REGISTRY["market_index"]
    task = Task(dataset, date(2024, 6, 1), date(2024, 6, 5))
    now = datetime(2025, 1, 1, tzinfo=UTC)
    have = Stored({day: stored(dataset, day, now) for day in days("2024-06-02", "2024-06-03")})
    assert days_to_fetch(task, have, now, force=False) == [date(2024, 6, n) for n in (1, 4, 5)]
    assert days_to_fetch(task, have, now, force=True) == list(task.days)


def test_a_day_that_lacks_something_is_looked_at_twice_a_day_apart() -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC)
    day = date(2024, 6, 2)
    whole, cut = Profile(96), Profile(94, missing=((3, 1),), missing_count=1)
    for key, profile, again in (
        ("market_index", Profile(0), True), ("market_index", cut, True), ("market_index", whole, False),
        ("system_warnings", Profile(0), False), ("bid_offer_acceptances", Profile(0), True), ("bid_offer_acceptances", Profile(1), False),
    ):  # fmt: skip
        dataset = REGISTRY[key]

        def due(fetched: datetime, at: datetime, first: datetime, dataset: Dataset = dataset, profile: Profile = profile) -> bool:
            thing = stored(dataset, day, fetched, profile.keys, first=first, profile=profile)
            return is_due(dataset, thing, Stored({day: thing}), at)

        hour = timedelta(hours=1)
        assert not due(now, now + 20 * hour, now), "so soon it would be the same look"
        assert due(now, now + 24 * hour, now) == again, (key, profile)
        assert not due(now + 24 * hour, now + timedelta(days=900), now), "twice, a day apart: it is believed"
        assert not due(now, now + timedelta(days=900), now - 24 * hour)
    dataset = REGISTRY["market_index"]
    for untold in (stored(dataset, day, None), replace(stored(dataset, day, now), rows=-1)):
        assert is_due(dataset, untold, Stored({day: untold}), now), "an object that tells nothing of itself is read again"


def test_a_day_stored_and_confirmed_by_an_earlier_version_is_left_alone() -> None:
    now, day = datetime(2025, 1, 1, tzinfo=UTC), date(2024, 6, 2)
    dataset = REGISTRY["market_index"]
    for rows in (0, 95):
        thing = replace(stored(dataset, day, now, rows, confirmed=True), first_fetched=None, profile_text="")
        assert not is_due(dataset, thing, Stored({day: thing}), now + timedelta(days=30))


# ------------------------------------------------------------------------------------------------------ the arguments
@given(st.dates(date(2000, 1, 1), date(2099, 1, 1)))
def test_dates_are_read_as_written(day: date) -> None:
    assert command_line.parse_day(day.isoformat()) == day


@given(st.text(max_size=12))
def test_what_is_no_date_is_refused(text: str) -> None:
    assume(not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text))
    with pytest.raises(argparse.ArgumentTypeError):
        command_line.parse_day(text)
