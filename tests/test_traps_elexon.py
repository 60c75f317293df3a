"""What a collector of Elexon's settlement and physical data falls for: edges, pieces cut anew, 404 as none, doubles, sides, an end."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from conftest import Place, question

from collector.base.gb_calendar import HALF_HOUR, day_end, day_start, utc_text
from collector.days import Stored, Task, alarms, days_to_fetch
from collector.source.errors import WrongAnswer
from collector.source.json_records import read_answer
from collector.source.requests import requests_of
from datasets_config import REGISTRY

SHORT, DAY, LONG = date(2024, 3, 31), date(2024, 6, 1), date(2024, 10, 27)


def body(*records: dict[str, Any]) -> bytes:
    return json.dumps(records).encode()


def later(day: date, days: float) -> datetime:
    """So many days after a day's end."""
    return day_end(day) + timedelta(days=days)


def download(place: Place, key: str, day: date, days: float, code: int = 0) -> list[dict[str, Any]]:
    """The records that are stored of a day when it is read so many days after its end."""
    now = later(day, days)
    place.api.set(now=utc_text(now))
    ran = place.download("--datasets", key, "--start-date", str(day), "--end-date", str(day), now=now)
    assert ran.code == code, ran
    return [json.loads(line) for line in place.lines(key, day)]


def load(place: Place, key: str, day: date) -> list[dict[str, Any]]:
    place.load("--datasets", key, "--start-date", str(day), "--end-date", str(day)).ok()
    return place.rows(key, day)


# ------------------------------------------------------------------------------------------------------------ requests
@pytest.mark.parametrize("key", [key for key, dataset in REGISTRY.items() if not dataset.files])
@pytest.mark.parametrize("day", [SHORT, DAY, LONG])
def test_a_plan_counts_the_requests_that_are_made(key: str, day: date) -> None:
    assert REGISTRY[key].requests(day, day) == len(requests_of(REGISTRY[key], day_start(day), day_end(day)))


def test_the_stack_takes_a_request_for_each_side_of_each_half_hour() -> None:
    stack = REGISTRY["settlement_stack"]
    assert [stack.requests(day, day) for day in (SHORT, DAY, LONG)] == [92, 96, 100]
    assert stack.requests(SHORT, SHORT + timedelta(days=6)) == 92 + 6 * 96


# --------------------------------------------------------------------------------------------------------------- edges
@pytest.mark.parametrize("key", ["physical_notifications", "quiescent_physical_notifications", "maximum_export_limits", "maximum_import_limits"])
@pytest.mark.parametrize("day", [SHORT, DAY, LONG])
def test_the_half_hours_beside_the_window_are_dropped_and_farther_ones_refused(key: str, day: date) -> None:
    request = question(REGISTRY[key], day_start(day), day_end(day))
    starts = [day_start(day) - HALF_HOUR, day_start(day), day_end(day) - HALF_HOUR, day_end(day)]
    records = [{"timeFrom": utc_text(at), "nationalGridBmUnit": "A-1", "bmUnit": None} for at in starts]
    found = read_answer(request, body(*records)).days
    assert {at for records in found.values() for at in records.groups} == set(starts[1:3])
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(request, body(*records, {**records[0], "timeFrom": utc_text(starts[0] - timedelta(minutes=1))}))


@pytest.mark.emulators
def test_of_the_periods_that_touch_a_window_those_of_the_day_are_stored(place: Place) -> None:
    key = "physical_notifications"
    stored = download(place, key, LONG, 1.2)
    assert sorted(json.dumps(record) for record in stored) == sorted(json.dumps(json.loads(row)) for row in place.api.expected("PN", LONG))
    assert {record["settlementDate"] for record in stored} == {str(LONG)}
    (asked,) = place.requests("/datasets/PN")
    assert asked["rows"] > len(stored), "the source had answered with more"
    rows = load(place, key, LONG)
    assert len(rows) == len(stored)
    assert any(row["bm_unit"] is None for row in rows), "units without Elexon's name are kept"
    assert max(row["settlement_period"] for row in rows) == 50


@pytest.mark.emulators
@pytest.mark.parametrize("key", ["maximum_export_limits", pytest.param("maximum_import_limits", marks=pytest.mark.long)])
def test_limits_declared_anew_take_the_place_of_the_old(key: str, place: Place) -> None:
    first = download(place, key, DAY, 0.3)
    load(place, key, DAY)
    second = download(place, key, DAY, 3.1)
    assert {record["settlementDate"] for record in second} == {str(DAY)}
    old, new = ({(r["nationalGridBmUnit"], r["timeFrom"], r["notificationTime"]) for r in records} for records in (first, second))
    assert old != new
    assert len(old) == len(new), "the same pieces, declared again"
    assert {(r["national_grid_bm_unit"], utc_text(r["time_from"]), utc_text(r["notification_time"])) for r in load(place, key, DAY)} == new


# ---------------------------------------------------------------------------------------------------------------- 404
@pytest.mark.emulators
@pytest.mark.parametrize(("key", "code"), [("settlement_stack", "ISPSTACK"), ("accepted_volumes", "BOAV"), ("indicative_cashflows", "EBOCF"), ("indicative_volumes", "DISPTAV")])
def test_not_found_is_none(key: str, code: str, place: Place) -> None:
    rows = [json.loads(row) for row in place.api.expected(code, DAY)]
    kept = [row for row in rows if row["settlementPeriod"] != 7]
    place.api.replace_days({(code, DAY): kept, (code, DAY + timedelta(days=1)): []})
    stored = download(place, key, DAY, 5)
    # Recorded rows are of no side, so that both sides are answered with them.
    assert {record["settlementPeriod"] for record in stored} == set(range(1, 49)) - {7}
    assert {record["@side"] for record in stored} == {"bid", "offer"}
    assert download(place, key, DAY + timedelta(days=1), 5) == []


# ----------------------------------------------------------------------------------------------------- the calculation
@pytest.mark.emulators
def test_doubles_of_accepted_volumes_are_one_row_and_the_side_is_a_column(place: Place) -> None:
    stored = download(place, "accepted_volumes", DAY, 5)
    texts = {json.dumps(record) for record in stored}
    assert len(texts) < len(stored), "the source sends some twice"
    rows = load(place, "accepted_volumes", DAY)
    assert len(rows) == len(texts)
    told = {(side, row["pair_volumes_negative1"] is None, row["pair_volumes_positive1"] is None) for row in rows for side in [row["side"]]}
    assert told == {("bid", False, True), ("offer", True, False)}
    assert all(row["pair_volumes_negative1"] <= 0 for row in rows if row["side"] == "bid")


@pytest.mark.emulators
def test_the_calculation_of_the_next_day_takes_the_place_of_the_first(place: Place) -> None:
    first = download(place, "system_prices", DAY, 0.3)
    second = download(place, "system_prices", DAY, 1.6)
    assert len(first) == len(second) == 48
    begin = {record["startTime"]: record["createdDateTime"] for record in first}
    assert sum(begin[record["startTime"]] != record["createdDateTime"] for record in second) > 24
    (request,) = place.requests("/system-prices/")[1:]
    assert request["path"].endswith(f"/{DAY}")
    assert download(place, "system_prices", DAY, 2.9) == second
    assert len(place.requests("/system-prices/")) == 2, "it is read again when something may be new, no sooner"
    row = load(place, "system_prices", DAY)[0]
    assert row["system_sell_price"] == row["system_buy_price"]


@pytest.mark.emulators
def test_market_depth_of_the_same_day_is_filled_later(place: Place) -> None:
    early = download(place, "market_depth", DAY, -0.2)
    assert any(record["offerVolume"] is None for record in early)
    whole = download(place, "market_depth", DAY, 2)
    assert len(whole) == 48
    assert all(record["offerVolume"] is not None for record in whole)


def test_a_summary_is_one_record_whose_numbers_are_text() -> None:
    dataset = REGISTRY["settlement_summaries"]
    request = requests_of(dataset, day_start(DAY), day_end(DAY))[6]
    record = b'{"settlementDate":"2024-06-01","settlementPeriod":7,"systemSellPrice":"12.50","mainPrice":{"cost":"1"}}'
    answer = read_answer(request, record)
    assert [line for piece in answer.days[DAY].lines() for line in piece] == [record]
    assert "mainPrice.cost" in answer.fields
    for wrong in (b"[" + record + b"]", b'{"data":[' + record + b"]}", b'{"message":"no"}'):
        with pytest.raises(WrongAnswer):
            read_answer(request, wrong)


@pytest.mark.parametrize(("key", "names"), [("bid_offer_data", ("bid", "offer")), ("settlement_acceptances", ("bid_price", "offer_price"))])
def test_prices_that_are_none_are_told_of(key: str, names: tuple[str, str]) -> None:
    meanings = {column.name: column.meaning for column in REGISTRY[key].columns}
    for name, price in zip(names, ("-9999", "9999"), strict=True):
        assert f"{price} means that it is not to be taken" in meanings[name].replace("; ", " ")


@pytest.mark.emulators
@pytest.mark.parametrize("key", ["system_prices", *(pytest.param(key, marks=pytest.mark.long) for key in ("bid_offer_data", "accepted_volumes", "indicative_volumes", "settlement_stack"))])
def test_the_source_counts_what_is_stored(key: str, place: Place) -> None:
    """Both sides of a half hour and doubles are in its count; what it has more is told."""
    stored = download(place, key, DAY, 5)
    load(place, key, DAY)
    which, now = ("--datasets", key, "--start-date", str(DAY), "--end-date", str(DAY)), later(DAY, 5)
    code, told = place.verification(*which, now=now)
    assert place.requests("/data-status/"), "it was asked"
    assert (code, told[key]["rows_stored"], told[key]["short_days"], told[key]["findings"]) == (0, len(stored), [], [])
    # Of the day after one record came too late.
    code_of = REGISTRY[key].code
    place.api.change(code_of, DAY + timedelta(days=1), "drop_records", rows=1)
    download(place, key, DAY + timedelta(days=1), 5)
    load(place, key, DAY + timedelta(days=1))
    place.api.unchange()
    which = ("--datasets", key, "--start-date", str(DAY), "--end-date", str(DAY + timedelta(days=1)))
    told = place.verification(*which, now=now + timedelta(days=1))[1]
    assert told[key]["behind_source_days"] == [str(DAY + timedelta(days=1))]


# ---------------------------------------------------------------------------------------------------------- an end
NONBM = REGISTRY["non_bm_stor"]
END = date(2026, 4, 1)


def test_after_its_last_day_nothing_is_asked_and_no_alarm_is_raised() -> None:
    now = later(END, 200)
    task = Task(NONBM, END - timedelta(days=1), now.date())
    assert days_to_fetch(task, Stored({}), now, force=True) == [END - timedelta(days=1), END]
    assert alarms(task, Stored({}), now) == []


@pytest.mark.emulators
def test_what_has_ended_is_collected_to_its_last_record_and_then_left_alone(place: Place) -> None:
    first, now = END - timedelta(days=3), later(END, 60)
    place.api.set(now=utc_text(now))
    which = ("--datasets", "non_bm_stor", "--start-date", str(first), "--end-date", str(END + timedelta(days=9)))
    place.download(*which, now=now).ok()
    assert len(place.objects("raw/non_bm_stor/")) == 4
    last = [json.loads(line) for line in place.lines("non_bm_stor", END)]
    assert max(record["startTime"] for record in last) == "2026-04-01T09:30:00Z"
    place.load(*which).ok()
    code, told = place.verification(*which, now=now)
    said = told["non_bm_stor"]
    assert (code, said["alarms"], said["empty_days"], said.get("missing_days", [])) == (0, [], [], [])
    # What its last day lacks is known.
    assert [(verdict["day"], verdict["kind"], verdict["count"]) for verdict in said["verdicts"]] == [(str(END), "known hole", 26)]
    asked = len(place.requests("/datasets/NONBM"))
    after = ("--datasets", "non_bm_stor", "--start-date", str(END + timedelta(days=1)), "--end-date", str(END + timedelta(days=9)))
    ran = place.download(*after, now=now).ok()
    assert "ended on 2026-04-01" in ran.err
    assert len(place.requests("/datasets/NONBM")) == asked


def test_the_last_record_that_answers_every_later_window_is_refused() -> None:
    request = question(NONBM._replace(last_day=None), day_start(END + timedelta(days=40)), day_end(END + timedelta(days=40)))
    with pytest.raises(WrongAnswer, match="another question"):
        read_answer(request, body({"publishTime": "2026-04-01T10:04:00Z", "startTime": "2026-04-01T09:30:00Z", "generation": 0}))
