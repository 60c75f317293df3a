"""The life of a day: what it lacks, told by tables of small days; when settlement runs are due; what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from api_standin import replay_csv
from conftest import SAMPLES, question
from hypothesis import given
from hypothesis import strategies as st

from collector.base.gb_calendar import HALF_HOUR, day_end, day_start, utc_text
from collector.days import Kind, State, Stored, Task, alarms, is_due, judge, lacks, series_lives
from collector.registry.model import Dataset
from collector.settlement_runs import is_working_day, runs_due, working_days_after
from collector.source.errors import WrongAnswer
from collector.source.json_records import read_answer
from collector.storage import profile as profiles
from collector.storage.day_objects import DayObject, object_name
from collector.storage.profile import Part, Profile, decode, encode
from datasets_config import REGISTRY

UTC = timezone.utc
DAY = date(2024, 6, 5)
LATER = datetime(2027, 3, 1, tzinfo=UTC)
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


def fuel(day: date, series: dict[str, Sequence[int]], late: dict[int, timedelta] | None = None) -> list[dict[str, Any]]:
    """FUELINST records: name -> ticks at which it reports; late: tick -> how late it was published."""
    start = day_start(day)
    return [
        {
            "dataset": "FUELINST", "publishTime": utc_text(start + tick * 5 * timedelta(minutes=1) + (late or {}).get(tick, timedelta(minutes=5))),
            "startTime": utc_text(start + tick * timedelta(minutes=5)), "settlementDate": str(day), "settlementPeriod": tick // 6 + 1,
            "fuelType": name, "generation": 100,
        }
        for name, ticks in series.items() for tick in ticks
    ]  # fmt: skip


def profile_of(dataset: Dataset, day: date, records: list[dict[str, Any]]) -> Profile:
    answer = read_answer(question(dataset, day_start(day), day_end(day)), json.dumps(records).encode())
    return answer.days[day].profile(dataset, day) if day in answer.days else Profile(0)


def an_object(
    dataset: Dataset, day: date, profile: Profile, fetched: datetime | None = None, first: datetime | None = None, rows: int | None = None
) -> DayObject:
    fetched = fetched or LATER
    return DayObject(
        day, object_name(dataset.key, day), 1, 1, 10, profile.keys if rows is None else rows, "x", fetched, False, frozenset(),
        first or fetched - ONE_DAY, profile_text=encode(profile),
    )  # fmt: skip


def told(dataset: Dataset, found: dict[date, Profile], day: date = DAY) -> list[tuple[Kind, int, str]]:
    stored = Stored({d: an_object(dataset, d, p) for d, p in found.items()})
    return [(lack.kind, lack.count, utc_text(lack.first)[11:16] if lack.first else "") for lack in lacks(dataset, day, found[day], stored)]


# --------------------------------------------------------------------------------------------------- series and instants
WHOLE = range(288)
FUELINST, FREQ, WINDFOR, B1610 = (REGISTRY[key] for key in ("fuel_instructions", "frequency", "wind_forecasts", "individual_generation"))


@pytest.mark.parametrize(
    ("today", "beside", "lacking"),
    [
        ({"CCGT": WHOLE, "WIND": WHOLE}, {}, []),
        # Each instant of the day is there, if not of each series: a test that shows for some hours is no gap.
        ({"CCGT": WHOLE, "INTNEW": range(100, 150)}, {"CCGT": WHOLE}, []),
        ({"CCGT": WHOLE, "INTNEW": [*range(100, 120), *range(122, 150)]}, {"CCGT": WHOLE}, [(Kind.SERIES, 2, "09:00")]),
        # A series that stops in mid-day is cut where the next day goes on with it, and has ended where it does not.
        ({"CCGT": WHOLE, "WIND": range(200)}, {"CCGT": WHOLE, "WIND": WHOLE}, [(Kind.SERIES, 88, "15:40")]),
        ({"CCGT": WHOLE, "WIND": range(200, 288)}, {"CCGT": WHOLE, "WIND": WHOLE}, [(Kind.SERIES, 200, "23:00")]),
        ({"CCGT": WHOLE, "WIND": range(200)}, {"CCGT": WHOLE, "WIND": range(10, 288)}, []),
        # A series that lacks the whole day pauses; that is no gap of the day.
        ({"CCGT": WHOLE}, {"CCGT": WHOLE, "WIND": WHOLE}, []),
        ({"CCGT": range(12, 288), "WIND": range(12, 288)}, {"CCGT": WHOLE, "WIND": WHOLE}, [(Kind.INSTANT, 12, "23:00")]),
        ({"CCGT": [*range(6), *range(7, 288)], "NEW": range(50, 60)}, {}, [(Kind.INSTANT, 1, "23:30")]),
    ],
)  # fmt: skip
def test_a_day_is_whole_when_its_instants_and_its_own_series_are(today: Any, beside: Any, lacking: list[Any]) -> None:
    found = {DAY: profile_of(FUELINST, DAY, fuel(DAY, today))}
    for day in (DAY - ONE_DAY, DAY + ONE_DAY) if beside else ():
        found[day] = profile_of(FUELINST, day, fuel(day, beside))
    assert told(FUELINST, found) == lacking


def test_a_repetition_fills_no_gap_and_raises_no_alarm() -> None:
    records = fuel(DAY, {"CCGT": [*range(287), 5], "WIND": [*WHOLE, 7, 7]})
    profile = profile_of(FUELINST, DAY, records)
    assert profile.keys == 287 + 288
    assert told(FUELINST, {DAY: profile, DAY + ONE_DAY: profile_of(FUELINST, DAY + ONE_DAY, fuel(DAY + ONE_DAY, {"CCGT": WHOLE, "WIND": WHOLE}))}) == [
        (Kind.SERIES, 1, "22:55")
    ]


@given(
    st.dictionaries(
        st.sampled_from(["CCGT", "WIND", "PS", "INTNEW"]), st.lists(st.integers(0, 287), min_size=1, max_size=288), min_size=1, max_size=4
    )
)
def test_what_a_profile_tells_is_what_the_records_are(series: dict[str, list[int]]) -> None:
    profile = decode(encode(profile_of(FUELINST, DAY, fuel(DAY, series))))
    assert profile
    present = sorted(set().union(*series.values()))
    assert profile.keys == sum(len(set(ticks)) for ticks in series.values())
    assert profile.missing_count == 288 - len(present)
    assert set(profile.full) == {name for name, ticks in series.items() if set(ticks) == set(present)}
    for name, part in profile.part.items():
        own = sorted(set(series[name]))
        gaps = [tick for tick in present if own[0] < tick < own[-1] and tick not in own]
        assert part == Part(own[0], own[-1], len(gaps), gaps[0] if gaps else -1)
        told = [tick for first, length in profile.gaps.get(name, ()) for tick in range(first, first + length)]
        # One gap stands in the part; of very many, none is named.
        assert told == (gaps if len(gaps) > 1 else []) or (told == [] and sum(map(len, series.values())) > 100)
    assert profile.newest == present[-1] * 300


def test_a_profile_fits_the_metadata_of_an_object() -> None:
    holes = Profile(9, missing=tuple((2 * n, 1) for n in range(2_880)), missing_count=2_880)
    units = Profile(9, part={f"T_UNIT-{n}": Part(0, 20) for n in range(400)}, part_count=9_000, full_count=5)
    for profile in (holes, units):
        text = encode(profile)
        again = decode(text)
        assert again
        assert len(text) <= profiles.LIMIT
        assert (again.missing_count, again.part_count) == (profile.missing_count, profile.part_count)
    assert decode("[]") is None
    assert decode('{"keys": "x"}') is None


# ------------------------------------------------------------------------------------------ sets without known numbers
def issues(*rows: int) -> Profile:
    return Profile(sum(rows), issues=tuple((n * 9_000, count) for n, count in enumerate(rows)))


EIGHT, FOUR = issues(*[73] * 8), issues(*[49] * 4)


@pytest.mark.parametrize(
    ("day", "before", "today", "after", "lacking"),
    [
        (DAY, [EIGHT] * 3, EIGHT, [EIGHT] * 3, []),
        (DAY, [EIGHT] * 3, issues(20), [EIGHT] * 3, [(Kind.ISSUE_MISSING, 7), (Kind.ISSUE, 1)]),
        (DAY, [EIGHT] * 3, issues(*[73] * 7, 10), [EIGHT] * 3, [(Kind.ISSUE, 1)]),
        # From one day on there are more, and longer ones: before it nothing lacked.
        (DAY, [FOUR] * 3, FOUR, [EIGHT] * 3, []),
        (DAY, [FOUR] * 3, issues(*[49] * 3), [EIGHT] * 3, [(Kind.ISSUE_MISSING, 1)]),
        # One bad neighbour is no measure, nor are three bad days in a row.
        (DAY, [EIGHT, issues(20), EIGHT], EIGHT, [EIGHT] * 3, []),
        (DAY, [issues(*[73] * 5)] * 3 + [EIGHT] * 4, issues(*[73] * 5), [EIGHT] * 7, [(Kind.ISSUE_MISSING, 3)]),
        (DAY, [EIGHT] * 3, issues(*[73] * 7), [], [(Kind.ISSUE_MISSING, 1)]),
        (date(2024, 3, 31), [EIGHT] * 3, issues(*[73] * 7), [EIGHT] * 3, []),
    ],
)  # fmt: skip
def test_issues_are_measured_by_the_days_around(day: date, before: Any, today: Any, after: Any, lacking: list[Any]) -> None:
    found = {day: today}
    found |= {day - (n + 1) * ONE_DAY: p for n, p in enumerate(before)} | {day + (n + 1) * ONE_DAY: p for n, p in enumerate(after)}
    assert [(kind, count) for kind, count, _ in told(WINDFOR, found, day)] == lacking


def metered(day: date, units: dict[str, Sequence[int]], run: str = "II") -> list[dict[str, Any]]:
    return [
        {
            "dataset": "B1610", "bmUnit": unit, "settlementDate": str(day), "settlementPeriod": period + 1, "settlementRunType": run,
            "halfHourEndTime": utc_text(day_start(day) + (period + 1) * HALF_HOUR)[:-1], "quantity": 1.5,
        }
        for unit, periods in units.items() for period in periods
    ]  # fmt: skip


def test_a_unit_that_stops_in_mid_day_is_told_unless_it_always_does() -> None:
    whole, half = range(48), range(20)
    one = {DAY: profile_of(B1610, DAY, metered(DAY, {"A": whole, "B": half, "C": half}))}
    beside = {DAY + ONE_DAY: profile_of(B1610, DAY + ONE_DAY, metered(DAY + ONE_DAY, {"A": whole, "B": whole, "C": half}))}
    assert told(B1610, one | beside) == [(Kind.UNIT, 1, "09:00")]
    assert one[DAY].runs == {"II": 88}


@pytest.mark.parametrize("part, rows, tick", [(range(8), 36, 12), ((*range(8), 12, 13), 34, 14), (range(14, 48), 10, 0)])
def test_a_unit_that_is_cut_beside_a_hole_of_all_is_told_from_its_own_first_instant(
    part: Sequence[int], rows: int, tick: int
) -> None:
    profile = profile_of(B1610, DAY, metered(DAY, {"A": (*range(8), *range(12, 48)), "B": part}))
    stored = Stored({DAY: an_object(B1610, DAY, profile)})
    [lack] = [lack for lack in lacks(B1610, DAY, profile, stored) if lack.kind is Kind.UNIT]
    assert (lack.first, lack.rows, lack.periods[0]) == (day_start(DAY) + tick * HALF_HOUR, rows, tick + 1)


def test_a_day_far_smaller_than_its_weekdays_is_thin() -> None:
    boalf = REGISTRY["bid_offer_acceptances"]
    weeks = {DAY + 7 * n * ONE_DAY: Profile(20_000) for n in (-2, -1, 1)}
    assert told(boalf, weeks | {DAY: Profile(9_000)}) == [(Kind.THIN, 1, "")]
    assert told(boalf, weeks | {DAY: Profile(11_000)}) == []
    assert told(boalf, {DAY: Profile(9), DAY + 7 * ONE_DAY: Profile(20_000)}) == []


def test_a_half_hour_without_acceptances_is_told_where_there_are_always_many() -> None:
    boalf = REGISTRY["bid_offer_acceptances"]
    usual = Profile(48 * 30, periods=((30, 48),))
    hole = Profile(47 * 30, periods=((30, 19), (0, 1), (30, 28)))
    around = {DAY + n * ONE_DAY: usual for n in (-7, -1, 1, 7)}
    assert told(boalf, around | {DAY: hole}) == [(Kind.INSTANT, 1, "08:30")]
    known = date(2026, 6, 23)
    around = {known + n * ONE_DAY: usual for n in (-7, -1, 1, 7)}
    early = Profile(47 * 30, periods=((30, 7), (0, 1), (30, 40)))
    assert told(boalf, around | {known: early}, known) == [(Kind.HOLE, 1, "02:30")]


def test_values_that_are_null_are_told() -> None:
    demand = REGISTRY["demand_outturn"]
    records = [
        {
            "startTime": utc_text(day_start(DAY) + n * HALF_HOUR), "initialDemandOutturn": None if n == 3 else 30_000,
            "initialTransmissionSystemDemandOutturn": 31_000,
        }
        for n in range(48)
    ]  # fmt: skip
    assert told(demand, {DAY: profile_of(demand, DAY, records)}) == [(Kind.VALUE, 1, "00:30")]


# -------------------------------------------------------------------------------------------------- what is said, and when
def test_a_day_that_lacks_something_is_provisional_then_short_and_asked_on_widening() -> None:
    cut = Profile(94, missing=((3, 1),), missing_count=1)
    dataset, end = REGISTRY["market_index"], day_end(DAY)
    newer = {DAY + n * ONE_DAY: an_object(dataset, DAY + n * ONE_DAY, Profile(96)) for n in (1, 2)}
    assert judge(dataset, an_object(dataset, DAY, cut, end + HOUR, end + HOUR), Stored(newer), end + 2 * HOUR).state is State.PROVISIONAL
    fetched, readings, now = end + HOUR, [], end + HOUR
    while now < end + 80 * ONE_DAY:
        now += 6 * HOUR
        kept = an_object(dataset, DAY, cut, fetched, end + HOUR)
        stored = Stored({**newer, DAY: kept})
        if now > end + 25 * HOUR:
            assert judge(dataset, kept, stored, now).state is State.SHORT
        if is_due(dataset, kept, stored, now):
            fetched = now
            readings.append((now - end) // ONE_DAY)
    assert readings[:4] == [0, 0, 0, 1], "until it should be whole each run looks"
    assert [day for day in readings if day > 1] == [2, 4, 5, 8, 13, 16, 28, 32]


def test_an_absence_is_not_believed_from_a_source_of_which_nothing_newer_came() -> None:
    dataset, end = REGISTRY["wind_forecasts"], day_end(DAY)
    empty = an_object(dataset, DAY, Profile(0), end + 33 * ONE_DAY, end + ONE_DAY)
    before = {DAY - ONE_DAY: an_object(dataset, DAY - ONE_DAY, EIGHT)}
    after = {DAY + ONE_DAY: an_object(dataset, DAY + ONE_DAY, EIGHT)}
    now = end + 70 * ONE_DAY
    assert is_due(dataset, empty, Stored({**before, DAY: empty}), now)
    assert not is_due(dataset, empty, Stored({**before, **after, DAY: empty}), now)


def test_a_source_that_ends_or_stands_still_is_told_by_name() -> None:
    dataset = REGISTRY["market_index"]
    full = Profile(96, full=("APXMIDP", "N2EXMIDP"), full_count=2, newest=84_600)
    now = day_end(DAY) + 8 * HOUR

    def range_of(profiles_by_age: dict[int, Profile]) -> Stored:
        return Stored({(d := DAY - age * ONE_DAY): an_object(dataset, d, p, now) for age, p in profiles_by_age.items()})

    task = Task(dataset, DAY - 20 * ONE_DAY, DAY + ONE_DAY)
    assert alarms(task, range_of(dict.fromkeys(range(20), full)), now) == []
    (still,) = alarms(task, range_of(dict.fromkeys(range(1, 20), full)), now)
    assert still.startswith(f"the source stands still: its newest record is of {DAY - ONE_DAY}T22:30:00Z")
    (ended,) = alarms(task, range_of({age: Profile(0) if age < 5 else full for age in range(20)}), now)
    assert ended.startswith(f"the source has nothing after {DAY - 5 * ONE_DAY}: 4 days are empty")
    (nothing,) = alarms(Task(B1610, DAY - 20 * ONE_DAY, DAY), Stored({(d := DAY - n * ONE_DAY): an_object(B1610, d, Profile(0), LATER) for n in range(20)}), LATER)
    assert "in the whole range" in nothing
    one = Profile(48, full=("APXMIDP",), full_count=1, newest=84_600)
    (series,) = alarms(task, range_of({age: one if age < 5 else full for age in range(20)}), now)
    assert series == f"the series N2EXMIDP has ended: nothing of it after {DAY - 5 * ONE_DAY}"
    assert alarms(task, range_of({age: full if age == 5 else one for age in range(20)}), now) == [], "it was there for a day"
    assert alarms(task, range_of({age: full if age in (5, 14) else one for age in range(20)}), now) == [], "it came for a day twice"


def test_series_come_pause_and_go_once_each() -> None:
    dataset = REGISTRY["generation_outturn"]
    names = {0: "AB", 1: "AB", 2: "A", 3: "A", 4: "AB", 5: "A"}
    stored = Stored({
        (d := DAY + n * ONE_DAY): an_object(dataset, d, Profile(48 * len(text), full=tuple(text), full_count=len(text))) for n, text in names.items()
    })  # fmt: skip
    assert [tuple(life) for life in series_lives(dataset, stored, DAY, DAY + 5 * ONE_DAY)] == [
        ("A", DAY, DAY + 5 * ONE_DAY, ()), ("B", DAY, DAY + 4 * ONE_DAY, ((DAY + 2 * ONE_DAY, DAY + 3 * ONE_DAY),)),
    ]  # fmt: skip


# ------------------------------------------------------------------------------------------------------ settlement runs
def test_settlement_runs_are_due_by_working_days() -> None:
    assert not is_working_day(date(2026, 12, 28)), "Boxing Day 2026 is a Saturday, its substitute a Monday"
    assert not is_working_day(date(2022, 9, 19)), "the Queen's funeral"
    assert working_days_after(date(2026, 12, 18), 5) == date(2026, 12, 29)
    assert dict(runs_due(date(2026, 3, 2))) == {
        "II": date(2026, 3, 9), "SF": date(2026, 3, 24), "R1": date(2026, 4, 28), "R2": date(2026, 7, 2), "R3": date(2026, 10, 9), "RF": date(2027, 4, 28),
    }  # fmt: skip
    assert [run for run, _ in runs_due(date(2027, 7, 2))] == ["II", "SF", "R1", "RF"]
    assert runs_due(date(2027, 7, 2))[1][1] == date(2027, 7, 13)
    assert max(due for _, due in runs_due(date(2027, 3, 31))) == date(2027, 10, 31)


def test_a_day_of_settlement_runs_is_asked_for_from_its_first_run_on() -> None:
    """Before it there is nothing: a request a day and dataset that would be needless."""
    for day, due in ((date(2024, 6, 5), date(2024, 6, 12)), (date(2024, 12, 20), date(2024, 12, 31))):
        task = Task(B1610, day, day)
        assert task.expected(day_start(due) - timedelta(seconds=1)) == []
        assert task.expected(day_start(due)) == task.expected(day_start(due) + 1_000 * ONE_DAY) == [day]


@pytest.mark.parametrize("late", [0, 1, 3, 6])
def test_a_settlement_run_is_read_soon_after_it_came(late: int) -> None:
    """Each run is published `late` days after it is due, at noon; the day is looked at every morning."""
    published = [(run, day_start(due) + (late + 0.5) * ONE_DAY) for run, due in runs_due(DAY)]
    now, fetched, have, readings, waits = day_end(DAY) + 6 * HOUR, None, "", 0, []
    while now < published[-1][1] + 40 * ONE_DAY:
        there = next((run for run, at in reversed(published) if at <= now), "")
        profile = Profile(48, runs={have: 48}) if have else Profile(0)
        kept = an_object(B1610, DAY, profile, fetched, fetched) if fetched else None
        if kept is None or is_due(B1610, kept, Stored({DAY: kept}), now):
            fetched, readings = now, readings + 1
            if there != have:
                waits.append(now - dict(published)[there])
                have = there
        now += ONE_DAY
    assert have == "RF"
    assert len(waits) == 6
    assert sum(waits, timedelta(0)) / 6 <= 3 * ONE_DAY
    assert readings <= {0: 14, 1: 20, 3: 30, 6: 36}[late]


# ---------------------------------------------------------------------------------------------------- what was recorded
@pytest.mark.parametrize("late", [timedelta(minutes=6), timedelta(hours=4), timedelta(hours=24)])
@pytest.mark.parametrize("day", [DAY, date(2024, 3, 31), date(2024, 10, 27)])
def test_a_backlog_over_midnight_is_stored_in_its_day(day: date, late: timedelta) -> None:
    count = (day_end(day) - day_start(day)) // timedelta(minutes=5)
    backlog = dict.fromkeys(range(count - 40, count), late)
    records = fuel(day, {"CCGT": range(count)}, backlog)
    asked = question(FUELINST, day_start(day), day_end(day))
    assert asked.path == "/datasets/FUELINST/stream"
    query = asked.query
    served = [r for r in records if query["publishDateTimeFrom"] <= r["publishTime"] <= query["publishDateTimeTo"]]
    assert len(served) == count
    answer = read_answer(question(FUELINST, day_start(day), day_end(day)), json.dumps(served).encode())
    assert answer.days[day].rows == count
    # The day behind, asked alone, is answered with the backlog too.
    after = day + ONE_DAY
    query = question(FUELINST, day_start(after), day_end(after)).query
    served = [r for r in records if query["publishDateTimeFrom"] <= r["publishTime"] <= query["publishDateTimeTo"]]
    assert read_answer(question(FUELINST, day_start(after), day_end(after)), json.dumps(served).encode()).days == {}


def test_the_answer_to_another_question_is_refused_and_a_shifted_one_is_told_as_such() -> None:
    start, end = day_start(DAY), day_end(DAY)
    newest = fuel(DAY + 2 * ONE_DAY, {"CCGT": WHOLE})
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(question(FUELINST, start, end), json.dumps(newest).encode())
    # Started within reach, but published when nothing was asked for.
    strange = fuel(DAY, {"CCGT": [287]}, {287: timedelta(hours=30)})
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(question(FUELINST, start, end), json.dumps(strange).encode())
    carbon = REGISTRY["carbon_intensity"]
    early = [
        {"from": utc_text(start + n * HALF_HOUR - HOUR)[:-4] + "Z", "to": "x", "intensity": {"forecast": 1, "actual": 1, "index": "low"}} for n in range(48)
    ]  # fmt: skip
    with pytest.raises(WrongAnswer, match="60 minutes too early"):
        read_answer(question(carbon, start, end), json.dumps(early).encode())


@pytest.mark.skipif(not SAMPLES.exists(), reason="the genuine samples are not beside this checkout")
def test_the_recorded_year_is_called_short_where_it_truly_is() -> None:
    """Of the 365 days of 2022 those that lack a half hour, and no other: series that come and pause make no day short."""
    dataset = REGISTRY["generation_outturn"]
    rows, _ = replay_csv(SAMPLES / "generation_outturn" / "gb-grid-margin_fuelhh_2022.csv")
    first, last = date(2022, 1, 1), date(2022, 12, 31)
    answer = read_answer(question(dataset, day_start(first), day_end(last)), json.dumps(rows).encode())
    found = {day: records.profile(dataset, day) for day, records in answer.days.items()}
    stored = Stored({day: an_object(dataset, day, profile) for day, profile in found.items()})
    short = {day: sum(lack.count for lack in got if lack.kind is Kind.INSTANT) for day, p in found.items() if (got := lacks(dataset, day, p, stored))}
    starts = {row["startTime"] for row in rows}
    missing = {
        day: gone for day in found
        if (gone := sum(utc_text(day_start(day) + n * HALF_HOUR) not in starts for n in range((day_end(day) - day_start(day)) // HALF_HOUR)))
    }  # fmt: skip
    assert short == missing
    assert (len(short), sum(short.values())) == (16, 19)


def test_that_nothing_comes_after_the_last_day_of_what_has_ended_is_no_alarm() -> None:
    dataset = REGISTRY["market_index"]
    stored = Stored({DAY: an_object(dataset, DAY, Profile(96, newest=84_600))})
    (alarm,) = alarms(Task(dataset, DAY, LATER.date()), stored, LATER)
    assert alarm.startswith("the source stands still")
    ended = dataset._replace(last_day=DAY)
    assert alarms(Task(ended, DAY, LATER.date()), stored, LATER) == []
