"""The chain: API -> day objects -> tables, through the emulators, against the stand-in.

Each test serves one of the five promises: in its day, exactly once, raw, nothing silent, a re-run costs nothing.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import parse_qsl

import pytest
from conftest import (
    CODES,
    DOWNLOADER,
    LOADER,
    PROJECT,
    SAMPLES,
    TWELVE,
    Place,
    Ran,
    content_of,
    days,
    model_rows,
    question,
    settlement_of,
    unpacked,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from isal import igzip

from collector.base.gb_calendar import day_end, day_start, utc_text
from collector.days import spans
from collector.source.json_records import read_answer
from collector.storage.day_objects import DayStore, object_name
from collector.storage.payload import pack
from datasets_config import REGISTRY

UTC = timezone.utc
SHORT, LONG = "2024-03-31", "2024-10-27"  # 46 and 50 periods


def span(first: str, last: str = "") -> tuple[str, ...]:
    return ("--start-date", first, "--end-date", last or first)


def asked_days(place: Place, part: str) -> list[tuple[str, str]]:
    """The bounds of each request, in order."""
    return [(low, high) for entry in place.requests(part) for (_, low), (_, high) in [parse_qsl(entry["query"])[:2]]]


# ------------------------------------------------------------------------------------------------ every dataset, whole
@pytest.mark.long
@pytest.mark.parametrize(("day", "periods"), [(SHORT, 46), (LONG, 50)])
def test_all_datasets_over_the_clock_changes(place: Place, day: str, periods: int) -> None:
    next_day = str(date.fromisoformat(day) + timedelta(1))
    which = ("--datasets", *TWELVE, *span(day, next_day))
    for program in (DOWNLOADER, LOADER):
        ran = place.run(program, *which).ok()
        assert "Traceback" not in ran.err
        assert all(ran.cell(key, "FAILED") == "0" and ran.cell(key, "STATUS") == "ok" for key in TWELVE)
    counts = {key: (place.check(key, day), place.check(key, next_day)) for key in TWELVE}
    each = {"generation_outturn": 20, "demand_outturn": 1, "market_index": 2, "balancing_services": 1, "carbon_intensity": 1,
            "individual_generation": 4, "frequency": 120, "fuel_instructions": 120}  # fmt: skip
    for key, number in each.items():
        assert counts[key] == (number * periods, number * 48), key
        if key not in ("frequency", "fuel_instructions"):
            found = Counter(row["settlement_period"] for row in place.rows(key, day))
            assert found == dict.fromkeys(range(1, periods + 1), number), key
    code, told = place.verification(*which)
    assert code == 0
    for key in TWELVE:
        assert (told[key]["days_expected"], told[key]["days_stored"], told[key]["days_loaded"]) == (2, 2, 2)
        assert told[key]["rows_stored"] == told[key]["rows_loaded"] == sum(counts[key])
        assert told[key]["short_days"] == told[key]["missing_days"] == []


@pytest.mark.long
def test_the_questions_of_the_demonstration_are_answered(place: Place) -> None:
    day = ("--start-date", "2022-10-30", "--end-date", "2022-10-30")
    place.collect("--datasets", "generation_outturn,demand_outturn,market_index", *day)

    def ask(day: str) -> Ran:
        command = [sys.executable, "-m", "collector.demo", PROJECT, place.dataset_id, day]
        ran = subprocess.run(command, env=place.env, cwd=place.programs, capture_output=True, text=True, check=False)
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    assert ask("2022-10-30").ok().out == "", "without a view there is no question"
    place.load("--update-views").ok()
    made_of, sold, left = (part.split("\n\n")[2].splitlines() for part in ask("2022-10-30").ok().out.split("\n\nWh"))
    mix = [line.split() for line in made_of[1:]]
    assert {half_hours for _, half_hours, _, _ in mix} == {"50"}, "that day has 25 hours"
    assert {"wind", "gas", "nuclear"} <= {category for category, *_ in mix}
    assert abs(sum(float(percent) for *_, percent in mix) - 100) < 0.5
    assert {"France", "Norway"} <= {line.split()[0] for line in sold[1:]}
    assert sold[0].split() == ["country", "net_import_mwh", "net_import_gbp"]
    assert len(left) == 4 and left[1].split()[2] == "UTC"
    told = ask("2022-10-31")
    assert (told.code, set(told.err.splitlines())) == (1, {"the query found no rows"})


def test_objects_are_where_and_what_is_promised(place: Place) -> None:
    place.download("--datasets", "market_index", "carbon_intensity", *span("2024-05-31", "2024-06-01")).ok()
    assert set(place.objects("")) == {
        f"raw/{key}/2024/{day[5:7]}/{key}_{day}.ndjson.gz" for key in ("market_index", "carbon_intensity") for day in ("2024-05-31", "2024-06-01")
    }
    blob = place.blob("market_index", "2024-05-31")
    assert blob.content_encoding is None
    metadata = dict(blob.metadata)
    assert metadata["rows"] == "96"
    assert "price" in json.loads(metadata["fields"])
    assert metadata["window"] == "2024-05-31 to 2024-06-01"
    assert len(metadata["sha256"]) == 64
    assert datetime.fromisoformat(metadata["fetched_at"].replace("Z", "+00:00")) <= datetime.now(UTC)


# -------------------------------------------------------------------------------------------- 1. a record in its day
@pytest.mark.parametrize(
    ("first", "last"), [
        ("2022-03-26", "2022-03-29"),
        *(pytest.param(*days, marks=pytest.mark.long) for days in (("2021-10-30", "2021-11-01"), ("2022-07-12", "2022-07-17"), ("2021-12-30", "2022-01-02"))),
    ]
)  # fmt: skip
@pytest.mark.parametrize("max_days", ["1", "7"])
def test_late_labels_of_before_july_2022_do_not_move_a_record(place: Place, first: str, last: str, max_days: str) -> None:
    which = ("--datasets", "generation_outturn", "demand_outturn", *span(first, last))
    place.download(*which, "--max-days", max_days).ok()
    place.load(*which).ok()
    for day in days(first, last):
        periods = {"2022-03-27": 46, "2021-10-31": 50}.get(str(day), 48)
        assert place.check("generation_outturn", day) == periods * (18 if day >= date(2021, 9, 10) else 17)
        assert place.check("demand_outturn", day) == periods


def test_the_half_hour_that_collides_after_the_spring_change_is_kept(place: Place) -> None:
    place.collect("--datasets", "generation_outturn", *span("2022-03-26", "2022-03-29"))
    found = place.query(
        f"SELECT start_time, settlement_date, settlement_period, settlement_date_label, settlement_period_label "
        f"FROM `{place.table_id('generation_outturn')}` WHERE fuel_type = 'WIND' AND settlement_period_label = 46 ORDER BY start_time"
    )
    labelled_alike = [row for row in found if row[3] == date(2022, 3, 28)]
    assert labelled_alike == [
        (datetime(2022, 3, 27, 22, 30, tzinfo=UTC), date(2022, 3, 27), 46, date(2022, 3, 28), 46),
        (datetime(2022, 3, 28, 21, 30, tzinfo=UTC), date(2022, 3, 28), 46, date(2022, 3, 28), 46),
    ]


@pytest.mark.parametrize("key", [key for key in TWELVE if "?" in REGISTRY[key].endpoint.template])
@pytest.mark.parametrize("which", ["From=", "To="])
def test_a_wrong_parameter_name_fails_and_stores_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, key: str, which: str) -> None:
    # SYSWARN's latest message must exist for it to come back.
    place.api.set(now="2024-09-01T12:00:00Z")
    endpoint = REGISTRY[key].endpoint
    name = next(name for name in re.findall(r"[?&](\w+=)", endpoint.template) if name.lower().endswith(which.lower()))
    wrong = REGISTRY[key]._replace(endpoint=endpoint._replace(template=endpoint.template.replace(name, f"settlementDay{which}")))
    monkeypatch.setitem(REGISTRY, key, wrong)
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.01)
    ran = place.download("--datasets", key, *span("2024-01-05", "2024-01-06"))
    assert ran.code == 1
    assert place.objects("") == {}
    assert ran.cell(key, "FAILED") == "2"
    assert "answers another question" in ran.out or "status 400" in ran.out, ran.out
    assert place.verification("--datasets", key, *span("2024-01-05", "2024-01-06"))[0] == 1


@pytest.mark.parametrize("path", ["/datasets/FREQUENCY/stream", "/system/frequency/stream"])
def test_a_wrong_endpoint_fails_and_stores_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    endpoint = REGISTRY["frequency"].endpoint
    template = f"{path}?{endpoint.template.partition('?')[2]}"
    wrong = REGISTRY["frequency"]._replace(endpoint=endpoint._replace(template=template))
    monkeypatch.setitem(REGISTRY, "frequency", wrong)
    ran = place.download("--datasets", "frequency", "market_index", *span("2024-01-05"))
    assert ran.code == 1
    assert "404" in ran.out
    assert set(place.objects("")) == {object_name("market_index", date(2024, 1, 5))}, "the others go on"
    assert len(place.requests("frequency".upper() if "FREQ" in path else "frequency")) <= 2, "404 is not asked again"


def test_inclusive_bounds_repeat_nothing(place: Place) -> None:
    which = ("--datasets", "frequency", "fuel_instructions", "carbon_intensity", "individual_generation", *span("2024-06-04", "2024-06-06"))
    place.download(*which, "--max-days", "1").ok()
    for key, rows in (("frequency", 5_760), ("fuel_instructions", 5_760), ("carbon_intensity", 48), ("individual_generation", 192)):
        for day in days("2024-06-04", "2024-06-06"):
            lines = place.lines(key, day)
            assert len(lines) == len(set(lines)) == rows


def test_carbon_is_whole_over_the_end_of_a_year(place: Place) -> None:
    which = ("--datasets", "carbon_intensity", *span("2023-12-29", "2024-01-03"))
    place.download(*which, "--max-days", "14").ok()
    place.load(*which).ok()
    assert [place.check("carbon_intensity", day) for day in days("2023-12-29", "2024-01-03")] == [48] * 6
    assert len(place.requests("/intensity/")) == 2


@pytest.mark.parametrize("change", ["extra_outside", "no_instant"])
def test_one_record_that_does_not_belong_fails_its_day_only(place: Place, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.01)
    place.api.change("MID", "2024-01-06", change)
    ran = place.download("--datasets", "market_index", *span("2024-01-05", "2024-01-07"))
    assert ran.code == 1
    assert "2024-01-06" in ran.out
    assert set(place.objects()) == {object_name("market_index", date(2024, 1, day)) for day in (5, 7)}


# ------------------------------------------------------------------------------------------------- 2. exactly once
def test_exact_duplicates_are_stored_and_loaded_once(place: Place) -> None:
    place.api.change("FREQ", "2024-01-05", "duplicate", rows=3)
    which = ("--datasets", "frequency", *span("2024-01-05"))
    place.download(*which).ok()
    assert len(place.lines("frequency", "2024-01-05")) == 5_763
    assert place.load(*which).ok().cell("frequency", "DUPLICATES") == "3"
    assert place.check("frequency", "2024-01-05") == 5_760
    code, told = place.verification(*which)
    assert (code, told["frequency"]["duplicate_rows"], told["frequency"]["conflicting_keys"]) == (0, 3, 0)


def test_different_rows_with_one_key_are_counted_and_logged(place: Place) -> None:
    place.api.change("MID", "2024-01-05", "conflict", rows=2)
    which = ("--datasets", "market_index", *span("2024-01-05"))
    place.download(*which).ok()
    ran = place.load(*which).ok()
    assert ran.cell("market_index", "CONFLICTS") == "2"
    assert "2 keys have different rows" in ran.err
    assert len(place.rows("market_index")) == 96
    assert place.verification(*which)[1]["market_index"]["conflicting_keys"] == 2


@pytest.mark.parametrize("key", ["generation_outturn", "fuel_instructions", "demand_outturn"])
def test_the_newest_publication_wins(place: Place, key: str) -> None:
    place.api.change(CODES[key], "2024-01-05", "republish", by=1_000, rows=5)
    which = ("--datasets", key, *span("2024-01-05"))
    place.download(*which).ok()
    assert place.load(*which).ok().cell(key, "CONFLICTS") == "0"
    newest: dict[Any, dict[str, Any]] = {}
    lines = place.lines(key, "2024-01-05")
    for row in sorted(model_rows(key, lines), key=lambda row: row["publish_time"]):
        newest[tuple(row[name] for name in REGISTRY[key].natural_key)] = row
    assert len(lines) == len(newest) + 5
    assert sorted(map(repr, place.rows(key))) == sorted(map(repr, newest.values()))


def test_a_later_settlement_run_wins(place: Place) -> None:
    def row(run: str, quantity: str, unit: str = "T_A-1") -> str:
        return (
            f'{{"dataset":"B1610","psrType":"Generation","bmUnit":"{unit}","nationalGridBmUnitId":null,"settlementDate":"2024-01-05",'
            f'"settlementPeriod":1,"halfHourEndTime":"2024-01-05T00:30:00","settlementRunType":"{run}","quantity":{quantity}}}'
        )

    runs = ["SF", "II", "RF", "R3", "R1", "R2"]
    rows = [row(run, f"{n}.000") for n, run in enumerate(runs)] + [row("II", "7.000", "T_B"), row("R1", "8.000", "T_B")]
    place.api.replace_days({("B1610", "2024-01-05"): rows})
    place.collect("--datasets", "individual_generation", *span("2024-01-05"))
    found = {row["bm_unit"]: (row["settlement_run_type"], row["quantity"]) for row in place.rows("individual_generation")}
    assert found == {"T_A-1": ("RF", 2.0), "T_B": ("R1", 8.0)}


@pytest.mark.parametrize("key", ["generation_outturn", "market_index", "carbon_intensity", "individual_generation"])
def test_a_restated_day_is_replaced_and_the_old_one_kept(place: Place, key: str) -> None:
    which = ("--datasets", key, *span("2024-01-04", "2024-01-06"))
    place.collect(*which)
    before, old = place.state(), place.lines(key, "2024-01-05")
    generation = place.blob(key, "2024-01-05").generation
    neighbours = [place.rows(key, day) for day in ("2024-01-04", "2024-01-06")]
    place.api.change(CODES[key], "2024-01-05", "revision", by=3, rows=10)
    place.api.change(CODES[key], "2024-01-05", "drop_records", rows=1)
    ran = place.download(*which, "--force").ok()
    assert (ran.cell(key, "SAME"), ran.cell(key, "REPLACED")) == ("2", "1")
    assert place.load(*which).ok().cell(key, "LOADED") == "1"
    rows = place.check(key, "2024-01-05")
    assert rows == len(old) - 1, "no more and no fewer"
    assert [place.rows(key, day) for day in ("2024-01-04", "2024-01-06")] == neighbours
    kept = place.objects("superseded/")
    assert set(kept) == {f"superseded/{key}/2024/01/{key}_2024-01-05.{generation}.ndjson.gz"}
    assert unpacked(next(iter(kept.values()))) == old
    after = place.state()
    assert {name for name in before if before[name] != after[name]} == {object_name(key, date(2024, 1, 5))}


@pytest.mark.parametrize("key", ["market_index", *(pytest.param(key, marks=pytest.mark.long) for key in ("generation_outturn", "bid_offer_acceptances"))])
def test_a_batch_with_gaps_touches_its_own_days_alone(place: Place, key: str) -> None:
    """The days between those of a batch keep rows and ledger, be they loaded, empty, or not there at all."""

    def ledger() -> dict[str, tuple[Any, ...]]:
        found = place.query(f"SELECT settlement_date, identity, table_rows, MAX(loaded_at) FROM `{place.dataset_id}.collector_load_ledger` GROUP BY 1, 2, 3")
        return {str(row[0]): tuple(row)[1:] for row in sorted(found, key=lambda row: row[3])}

    days = [f"2024-03-{day}" for day in range(28, 32)] + ["2024-04-01", "2024-04-02"]
    restated, kept, absent = {days[0], days[3], days[5]}, [days[1], days[4]], days[2]
    place.api.replace_days({(CODES[key], days[4]): []})
    for day in (*sorted(restated), *kept):
        place.download("--datasets", key, *span(day)).ok()
    which = ("--datasets", key, *span(days[0], days[-1]))
    ran = place.load(*which)
    assert (ran.cell(key, "LOAD JOBS"), ran.cell(key, "TRANSACTIONS"), ran.cell(key, "LOADED")) == ("1", "1", "5")
    before, rows = ledger(), {day: place.rows(key, day) for day in days}
    assert {day for day in days if not rows[day]} == {absent, days[4]}
    for day in restated:
        place.api.change(CODES[key], day, "revision", by=3, rows=10)
        place.api.change(CODES[key], day, "drop_records", rows=1)
        place.download("--datasets", key, *span(day), "--force").ok()
    ran = place.load(*which)
    assert (ran.cell(key, "LOAD JOBS"), ran.cell(key, "TRANSACTIONS"), ran.cell(key, "LOADED")) == ("1", "1", "3")
    after = ledger()
    assert {day for day in days if before.get(day) != after.get(day)} == restated
    assert {day for day in days if rows[day] != place.rows(key, day)} == restated
    for day in restated:
        place.check(key, day)


def test_read_again_with_the_same_records_nothing_is_loaded_again(place: Place) -> None:
    which = ("--datasets", "market_index", *span("2024-01-04", "2024-01-06"))
    place.collect(*which)
    state, jobs, fetched = place.state(), place.jobs(), place.blob("market_index", "2024-01-05").metadata["fetched_at"]
    place.api.set(shuffle=True)
    later = datetime.now(UTC) + timedelta(hours=2)
    assert place.download(*which, "--force", now=later).ok().cell("market_index", "SAME") == "3"
    assert place.state() == state
    assert place.blob("market_index", "2024-01-05").metadata["fetched_at"] > fetched
    assert place.load(*which, now=later).ok().cell("market_index", "LOADED") == "0"
    assert place.jobs() == jobs


def test_overlapping_runs_with_other_windows_make_the_same_objects(new_place: Callable[[], Place]) -> None:
    keys = ("generation_outturn", "market_index", "carbon_intensity", "wind_forecasts", "system_warnings")
    one, other = new_place(), new_place()
    one.download("--datasets", *keys, *span("2021-12-26", "2022-01-08"), "--max-days", "31").ok()
    other.download("--datasets", *keys, *span("2021-12-30", "2022-01-02"), "--max-days", "1").ok()
    other.api.set(shuffle=True)
    other.download("--datasets", *keys, *span("2021-12-26", "2022-01-05"), "--max-days", "3").ok()
    other.download("--datasets", *keys, *span("2021-12-26", "2022-01-08"), "--max-days", "7").ok()
    found = [{name: content_of(blob) for name, blob in place.objects("").items()} for place in (one, other)]
    assert len(found[0]) == 14 * len(keys)
    assert found[0] == found[1]


def test_a_second_run_does_nothing(place: Place) -> None:
    which = ("--datasets", *TWELVE, *span("2024-01-05", "2024-01-06"))
    place.collect(*which)
    generations = {name: blob.generation for name, blob in place.objects("").items()}
    jobs = place.jobs()
    ledger = place.query(f"SELECT COUNT(*), MAX(loaded_at) FROM `{place.dataset_id}.collector_load_ledger`")
    place.api.clear_log()
    ran = place.download(*which).ok()
    assert {ran.cell(key, "REQUESTS") for key in TWELVE} == {"0"}
    assert place.api.requests == []
    ran = place.load(*which).ok()
    assert {(ran.cell(key, "LOAD JOBS"), ran.cell(key, "TRANSACTIONS")) for key in TWELVE} == {("0", "0")}
    assert place.jobs() == jobs
    assert {name: blob.generation for name, blob in place.objects("").items()} == generations
    assert place.query(f"SELECT COUNT(*), MAX(loaded_at) FROM `{place.dataset_id}.collector_load_ledger`") == ledger


def test_loading_again_by_force_changes_no_row(place: Place) -> None:
    which = ("--datasets", "market_index", "system_warnings", *span("2024-01-05", "2024-01-09"))
    place.collect(*which)
    before = {key: sorted(map(repr, place.rows(key))) for key in ("market_index", "system_warnings")}
    assert place.load(*which, "--force", "--max-workers", "2").ok().cell("market_index", "LOADED") == "5"
    assert {key: sorted(map(repr, place.rows(key))) for key in before} == before
    assert place.verification(*which)[0] == 0


# ------------------------------------------------------------------------------------------- 3. raw stays raw, and stays
def test_stored_records_are_the_bytes_that_were_sent(place: Place) -> None:
    def freq(second: int, value: str) -> str:
        return f'{{"dataset":"FREQ","measurementTime":"2024-01-05T00:00:{second:02d}Z","frequency":{value}}}'

    odd = ["50.000", "-0.120", "0.000", "5.0E1", "49.9999999999999999999", "50"]
    rows = [freq(n, value) for n, value in enumerate(odd)]
    rows.append('{ "frequency" : 50.1 ,"dataset":"FREQ", "measurementTime":"2024-01-05T00:01:00Z","a\\u0020b":"\\/\\u00e9é" }')
    place.api.replace_days({("FREQ", "2024-01-05"): rows})
    which = ("--datasets", "frequency", *span("2024-01-05"))
    place.collect(*which)
    assert place.lines("frequency", "2024-01-05") == [row.encode() for row in rows]
    found = {row["measurement_time"].strftime("%M:%S"): row["frequency"] for row in place.rows("frequency")}
    assert found == {f"00:0{n}": float(value) for n, value in enumerate(odd)} | {"01:00": 50.1}


def test_pretty_printed_answers_become_one_line_a_record(place: Place) -> None:
    place.api.set(pretty=True)
    place.collect("--datasets", "market_index", "carbon_intensity", *span("2024-01-05"))
    for key in ("market_index", "carbon_intensity"):
        expected = [json.loads(row) for row in place.api.expected(CODES[key], "2024-01-05")]
        assert sorted(map(repr, map(json.loads, place.lines(key, "2024-01-05")))) == sorted(map(repr, expected))
        assert len(place.rows(key)) == len(expected)


# -------------------------------------------------------------------------------------------------- 4. nothing silent
def test_an_empty_day_is_fetched_and_empty(place: Place) -> None:
    quiet = next(day for day in days("2024-01-01", "2024-03-01") if not place.api.expected("SYSWARN", day))
    which = ("--datasets", "system_warnings", *span(str(quiet)))
    place.collect(*which)
    assert place.lines("system_warnings", quiet) == []
    assert len(place.requests("SYSWARN")) == 2, "an answer with nothing at all is believed when given twice"
    code, told = place.verification(*which)
    assert (code, told["system_warnings"]["days_loaded"], told["system_warnings"]["rows_loaded"]) == (0, 1, 0)
    place.api.clear_log()
    place.collect(*which)
    assert place.api.requests == []


def test_a_day_that_the_source_does_not_have_is_asked_twice_and_told(place: Place) -> None:
    place.api.change("MID", "2024-01-06", "drop_day")
    which = ("--datasets", "market_index", *span("2024-01-05", "2024-01-07"))
    assert place.download(*which).ok().cell("market_index", "EMPTY") == "1"
    assert len(place.requests("MID")) == 2
    place.load(*which).ok()
    code, told = place.verification(*which)
    assert (code, told["market_index"]["empty_days"], told["market_index"]["days_loaded"]) == (0, ["2024-01-06"], 3)
    assert place.lines("market_index", "2024-01-06") == []


def test_a_short_day_is_told(place: Place) -> None:
    place.api.change("MID", "2024-01-06", "drop_records", rows=3)
    which = ("--datasets", "market_index", *span("2024-01-05", "2024-01-07"))
    assert place.download(*which).ok().cell("market_index", "SHORT") == "1"
    place.load(*which).ok()
    code, told = place.verification(*which)
    assert (code, told["market_index"]["short_days"], told["market_index"]["rows_loaded"]) == (0, ["2024-01-06"], 3 * 96 - 3)


def test_stored_rows_are_not_given_up_for_an_empty_answer(place: Place) -> None:
    which = ("--datasets", "market_index", *span("2024-01-05"))
    place.collect(*which)
    state = place.state()
    place.api.change("MID", "2024-01-05", "drop_day")
    # A revision is due: the day was read on its evening.
    blob = place.blob("market_index", "2024-01-05")
    blob.metadata = {**blob.metadata, "fetched_at": "2024-01-05T20:00:00Z"}
    blob.patch()
    ran = place.download(*which)
    assert ran.code == 1
    assert "they are kept" in ran.out
    assert place.state() == state


def test_a_new_field_is_stored_loaded_and_reported(place: Place) -> None:
    which = ("--datasets", "generation_outturn", *span("2024-01-05", "2024-01-06"))
    place.api.change("FUELHH", "2024-01-06", "add_field", name="newField", value={"deep": [1]}, rows=1)
    place.download(*which, "--max-days", "1").ok()
    place.load(*which).ok()
    assert sum(b'"newField":{"deep": [1]}' in line for line in place.lines("generation_outturn", "2024-01-06")) == 1
    assert [place.check("generation_outturn", day) for day in ("2024-01-05", "2024-01-06")] == [912, 912]
    ran = place.load("--validate-schema", *which)
    assert ran.code == 1
    assert "new field at source" in ran.out
    assert "newField" in ran.out
    assert place.load("--validate-schema", *which[:-1], "2024-01-05").code == 0


@pytest.mark.parametrize(
    ("key", "field", "value", "column"),
    [
        ("market_index", "price", {"amount": 3}, "price"), ("carbon_intensity", "index", 5, None),
        *(pytest.param(*case, marks=pytest.mark.long) for case in (
            ("generation_outturn", "fuelType", None, "fuel_type"),
            ("generation_outturn", "generation", "n/a", "generation"), ("generation_outturn", "generation", 12.5, "generation"),
            ("market_index", "volume", "1,000", "volume"), ("frequency", "frequency", True, "frequency"),
            ("demand_outturn", "publishTime", "yesterday", "publish_time"), ("bid_offer_acceptances", "soFlag", "Y", "so_flag"),
        )),
    ],
)  # fmt: skip
def test_a_changed_type_fails_its_day_by_name_and_heals(place: Place, key: str, field: str, value: Any, column: str | None) -> None:
    which = ("--datasets", key, *span("2024-01-04", "2024-01-06"))
    place.api.change(CODES[key], "2024-01-05", "type_change", name=field, value=value, rows=1)
    place.download(*which).ok()
    ran = place.load(*which)
    if column is None:
        # A number where a text was expected can still be told apart as text.
        assert ran.code == 0
        return
    assert ran.code == 1
    told = [line for line in ran.out.splitlines() if line.startswith("FAILED")]
    assert len(told) == 1
    assert object_name(key, date(2024, 1, 5)) in told[0]
    assert column in told[0]
    for day in ("2024-01-04", "2024-01-06"):
        place.check(key, day)
    assert place.rows(key, "2024-01-05") == []
    code, told_all = place.verification(*which)
    assert (code, told_all[key]["unloaded_days"]) == (1, ["2024-01-05"])
    # The source mends it.
    place.api.unchange()
    assert place.download(*which, "--force").ok().cell(key, "REPLACED") == "1"
    assert place.load(*which).ok().cell(key, "LOADED") == "1"
    place.check(key, "2024-01-05")
    assert place.verification(*which)[0] == 0


def damaged(kind: str, whole: bytes) -> bytes:
    lines = igzip.decompress(whole).splitlines(keepends=True)
    return {
        "cut": whole[: len(whole) // 2], "not gzip": b"not gzip at all", "no json": igzip.compress(b"".join([*lines[1:], b"{broken\n"])),
        "fewer": igzip.compress(b"".join(lines[1:])), "more": igzip.compress(b"".join([*lines, lines[0]])),
        "other day": igzip.compress(b"".join([*lines[1:], lines[0].replace(b"2024-01-05", b"2023-01-05")])), "empty": igzip.compress(b""),
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", ["cut", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("fewer", "other day", "not gzip", "no json", "more", "empty"))])
def test_a_damaged_object_fails_alone_by_name_and_heals(place: Place, kind: str) -> None:
    which = ("--datasets", "market_index", *span("2024-01-03", "2024-01-07"))
    place.download(*which).ok()
    blob = place.blob("market_index", "2024-01-05")
    metadata = dict(blob.metadata)
    whole = blob.download_as_bytes(raw_download=True)
    blob = place.bucket.blob(blob.name)
    blob.metadata = metadata
    blob.upload_from_string(damaged(kind, whole), content_type="application/gzip")
    ran = place.load(*which)
    assert ran.code == 1
    told = [line for line in ran.out.splitlines() if line.startswith("FAILED")]
    assert len(told) == 1
    assert blob.name in told[0]
    for day in days("2024-01-03", "2024-01-07"):
        if str(day) != "2024-01-05":
            assert place.check("market_index", day) == 96
    assert place.rows("market_index", "2024-01-05") == []
    told = place.verification(*which)[1]["market_index"]
    assert (told["unloaded_days"] or told["altered_days"]) == ["2024-01-05"]
    place.bucket.blob(blob.name).delete()
    place.collect(*which)
    assert place.check("market_index", "2024-01-05") == 96


def test_a_loaded_day_whose_object_is_damaged_later_keeps_its_rows(place: Place) -> None:
    which = ("--datasets", "market_index", *span("2024-01-05"))
    place.collect(*which)
    blob = place.bucket.blob(object_name("market_index", date(2024, 1, 5)))
    blob.metadata = {"rows": "96", "sha256": "0" * 64, "fetched_at": "2024-02-01T00:00:00Z", "fields": "[]"}
    blob.upload_from_string(b"junk", content_type="application/gzip")
    assert place.load(*which).code == 1
    assert len(place.rows("market_index")) == 96, "an analyst keeps what was right"


# ------------------------------------------------------------------------------------------------------ how it is asked
def test_a_window_that_is_too_long_is_halved(place: Place) -> None:
    place.api.set(stream_caps={"MID": timedelta(days=4), "FUELHH": timedelta(days=7), "FREQ": timedelta(days=1)})
    which = ("--datasets", "market_index", "generation_outturn", "frequency", *span("2024-01-01", "2024-01-20"), "--max-days", "31")
    place.download(*which, "--max-workers", "1").ok()
    for key in ("market_index", "generation_outturn"):
        for day in days("2024-01-01", "2024-01-20"):
            assert sorted(place.lines(key, day)) == sorted(place.api.expected(CODES[key], day))
    assert len(place.objects("raw/frequency/")) == 20
    refused = [entry["status"] == 400 for entry in place.requests("FREQ")]
    assert any(refused)
    assert not any(refused[-5:]), "what was learnt of the limit is kept"


@pytest.mark.long
def test_a_day_of_25_hours_under_a_cap_of_one_day_is_asked_in_two(place: Place) -> None:
    place.api.set(stream_caps=dict.fromkeys(("BOALF", "B1610", "FREQ", "FUELINST"), timedelta(days=1)))
    keys = ("bid_offer_acceptances", "individual_generation", "frequency", "fuel_instructions")
    which = ("--datasets", *keys, *span("2024-10-26", "2024-10-28"))
    place.collect(*which)
    for key in keys:
        for day in days("2024-10-26", "2024-10-28"):
            place.check(key, day)
    assert len(place.rows("frequency", LONG)) == 6_000


@pytest.mark.long
def test_a_bad_night_of_the_api_loses_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.02)
    place.api.set(faults="all,-bomb,-redirect", fault_rate=0.3, seed=7, hang_seconds=3, trickle_seconds=1, retry_after=0)
    place.overrides["BMRS_HTTP_TIMEOUT"] = "2"
    keys = ("market_index", "generation_outturn", "carbon_intensity", "individual_generation", "frequency")
    which = ("--datasets", *keys, *span("2024-01-05", "2024-01-12"))
    ran = place.download(*which, "--max-days", "2").ok()
    assert sum(int(ran.cell(key, "RETRIES")) for key in keys) > 0
    place.load(*which).ok()
    for key in keys:
        for day in days("2024-01-05", "2024-01-12"):
            place.check(key, day)


def test_an_api_that_is_down_is_told_and_stores_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.01)
    place.api.set(down=["MID"])
    ran = place.download("--datasets", "market_index", "balancing_services", *span("2024-01-05", "2024-01-06"))
    assert ran.code == 1
    assert len(place.objects("raw/market_index/")) == 0
    assert len(place.objects("raw/balancing_services/")) == 2


# ------------------------------------------------------------------------------------------------------ the flow of time
@pytest.mark.long
def test_today_is_provisional_and_the_future_is_not_asked_for(place: Place) -> None:
    which = ("--datasets", "market_index", "frequency", "carbon_intensity", "--start-date", "2024-06-04")

    def at(text: str) -> datetime:
        now = datetime.fromisoformat(text + "+00:00")
        place.api.set(now=int(now.timestamp()))
        place.api.clear_log()
        return now

    # 23:10Z: in London it is already 6 June.
    now = at("2024-06-05T23:10:00")
    ran = place.download(*which, now=now).ok()
    place.load(*which, "--end-date", "2024-06-06").ok()
    assert set(place.objects("raw/market_index")) == {object_name("market_index", day) for day in days("2024-06-04", "2024-06-06")}
    assert all(high < "2024-06-06T23" for _, high in asked_days(place, "FREQ"))
    assert ran.cell("frequency", "PROVISIONAL") == "3", "the source may still revise 4 and 5 June"
    assert len(place.rows("frequency", "2024-06-06")) < 100
    code, told = place.verification(*which, now=now)
    assert (code, told["frequency"]["provisional_days"]) == (0, 3)
    assert told["frequency"]["missing_days"] == []
    for key in ("market_index", "frequency", "carbon_intensity"):
        for day in days("2024-06-04", "2024-06-05"):
            place.check(key, day)
    # The same evening again: what is not over is read again, and only that.
    now = at("2024-06-06T10:10:00")
    place.download(*which, now=now).ok()
    place.load(*which, "--end-date", "2024-06-06").ok()
    assert {low for low, _ in asked_days(place, "FREQ")} == {"2024-06-05T23:00:00Z"}
    place.check("frequency", "2024-06-06")
    # Five weeks later all of it has been read for good.
    now = at("2024-07-13T10:10:01")
    place.download(*which, "--end-date", "2024-06-06", now=now).ok()
    place.load(*which, "--end-date", "2024-06-06").ok()
    for key in ("market_index", "frequency", "carbon_intensity"):
        for day in days("2024-06-04", "2024-06-06"):
            place.check(key, day)
    code, told = place.verification(*which, "--end-date", "2024-06-06", now=now)
    assert (code, told["frequency"]["provisional_days"]) == (0, 0)
    now = at("2024-08-13T10:10:00")
    place.download(*which, "--end-date", "2024-06-06", now=now).ok()
    assert place.api.requests == []


@pytest.mark.parametrize("key", ["market_index", "system_warnings"])
def test_a_day_is_read_again_when_the_source_has_revised_it(place: Place, key: str) -> None:
    which = ("--datasets", key, *span("2024-01-05"))
    begin = day_end(date(2024, 1, 5)) + timedelta(hours=2)
    asked = []
    for after in (0, *REGISTRY[key].revision_days, 460, 500):
        for hours in (0, 1):
            now = begin + timedelta(days=after, hours=hours)
            place.api.set(now=int(now.timestamp()))
            place.api.clear_log()
            place.download(*which, now=now).ok()
            asked.append(bool(place.requests(REGISTRY[key].code)))
    times = len(REGISTRY[key].revision_days)
    # On each due date once, an hour later not again; at last never.
    assert asked[0] is True
    assert asked[2 : 2 * times + 2] == [True, False] * times
    assert asked[2 * times + 2 :] == [False] * 4


@pytest.mark.long
def test_b1610_follows_the_settlement_runs(place: Place) -> None:
    which = ("--datasets", "individual_generation", *span("2024-01-05"))
    seen = []
    for after in (14, 35, 80, 165, 300, 450):
        now = day_end(date(2024, 1, 5)) + timedelta(days=after, hours=1)
        place.api.set(now=int(now.timestamp()))
        place.download(*which, now=now).ok()
        place.load(*which).ok()
        place.check("individual_generation", "2024-01-05")
        seen.append({row["settlement_run_type"] for row in place.rows("individual_generation")})
    assert seen == [{run} for run in ("II", "SF", "R1", "R2", "R3", "RF")]
    assert len(place.objects("superseded/")) == 5


# --------------------------------------------------------------------------------------------------------- verification
@pytest.fixture
def verified(place: Place) -> tuple[Place, tuple[str, ...]]:
    which = ("--datasets", "market_index", "frequency", *span("2024-01-04", "2024-01-06"))
    place.collect(*which)
    code, told = place.verification(*which)
    assert code == 0
    assert told["market_index"]["ok"]
    assert (told["market_index"]["first_day"], told["market_index"]["last_day"]) == ("2024-01-04", "2024-01-06")
    return place, which


def test_a_deleted_object_is_missed(verified: tuple[Place, tuple[str, ...]]) -> None:
    place, which = verified
    place.blob("market_index", "2024-01-05").delete()
    code, told = place.verification(*which)
    assert code == 1
    assert told["market_index"]["missing_days"] == ["2024-01-05"]
    assert not told["market_index"]["ok"]
    assert told["frequency"]["ok"]
    ran = place.load("--verify", *which)
    assert ran.code == 1
    assert (ran.cell("market_index", "MISSING"), ran.cell("market_index", "RESULT"), ran.cell("frequency", "RESULT")) == ("1", "NOT OK", "ok")
    assert "2024-01-05" in ran.out
    place.collect(*which)
    assert place.verification(*which)[0] == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM `{table}` WHERE settlement_date = DATE '2024-01-05' AND settlement_period = 7",
        pytest.param("DELETE FROM `{table}` WHERE settlement_date = DATE '2024-01-05'", marks=pytest.mark.long),
        pytest.param("INSERT INTO `{table}` SELECT * FROM `{table}` WHERE settlement_date = DATE '2024-01-05' AND settlement_period = 7", marks=pytest.mark.long),
    ],
)
def test_rows_changed_by_hand_are_noticed_and_mended(verified: tuple[Place, tuple[str, ...]], statement: str) -> None:
    place, which = verified
    place.query(statement.format(table=place.table_id("market_index")))
    code, told = place.verification(*which)
    assert (code, told["market_index"]["differing_days"]) == (1, ["2024-01-05"])
    text = place.load("--verify", *which)
    assert text.code == 1
    assert "differing: 2024-01-05" in text.out
    place.load(*which, "--force").ok()
    assert place.verification(*which)[0] == 0
    assert place.check("market_index", "2024-01-05") == 96


def test_a_dropped_table_is_missed_and_loaded_anew(verified: tuple[Place, tuple[str, ...]]) -> None:
    place, which = verified
    place.bq.delete_table(place.table_id("market_index"))
    assert place.verification(*which)[0] == 1
    assert place.load(*which).ok().cell("market_index", "LOADED") == "3"
    assert place.verification(*which)[0] == 0
    assert place.check("market_index", "2024-01-05") == 96


def test_rows_without_a_stored_day_are_noticed(verified: tuple[Place, tuple[str, ...]]) -> None:
    place, which = verified
    place.blob("market_index", "2024-01-05").delete()
    code, told = place.verification(*which)
    assert (code, told["market_index"]["surplus_days"]) == (1, ["2024-01-05"])


# ---------------------------------------------------------------------------------------------- de-duplication, any rows
def keyed(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["startTime"], record["fuelType"]


FUEL_RECORDS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from(["WIND", "CCGT"]), st.integers(1, 3), st.integers(-2, 2)), min_size=1, max_size=30
)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=FUEL_RECORDS, again=st.integers(0, 10))
@pytest.mark.long
def test_rows_of_any_records_are_as_a_simple_model_says(place: Place, made: list[tuple[int, str, int, int]], again: int) -> None:
    day = date(2024, 1, 5)
    records = []
    for half, fuel, version, value in [*made, *made[:again]]:
        start = day_start(day) + half * timedelta(minutes=30)
        records.append({
            "dataset": "FUELHH", "publishTime": utc_text(start + timedelta(hours=version)), "startTime": utc_text(start),
            "settlementDate": str(day), "settlementPeriod": half + 1, "fuelType": fuel, "generation": value,
        })  # fmt: skip
    random.Random(len(records)).shuffle(records)
    dataset = REGISTRY["generation_outturn"]
    answer = read_answer(question(dataset, day_start(day), day_end(day)), json.dumps(records).encode())
    payload = pack(answer.days[day].lines(), answer.fields, datetime.now(UTC), "x", True)
    store = DayStore(place.bucket)
    store.put(dataset, day, payload, store.list(dataset, day, day).get(day))
    ran = place.load("--datasets", "generation_outturn", *span("2024-01-05"), "--force").ok()
    # The model: of each key's records the newest; of those that differ at one time of publication, any, counted.
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        groups.setdefault(keyed(record), []).append(record)
    newest = {key: [r for r in group if r["publishTime"] == max(r["publishTime"] for r in group)] for key, group in groups.items()}
    conflicts = sum(len({r["generation"] for r in group}) > 1 for group in newest.values())
    rows = place.rows("generation_outturn")
    assert len(rows) == len(groups)
    for row in rows:
        group = newest[utc_text(row["start_time"]), row["fuel_type"]]
        assert row["generation"] in {r["generation"] for r in group}
        assert utc_text(row["publish_time"]) == group[0]["publishTime"]
    assert ran.cell("generation_outturn", "CONFLICTS") == str(conflicts)
    assert ran.cell("generation_outturn", "DUPLICATES") == str(len(records) - len(groups))


# --------------------------------------------------------------------------------------------------------- genuine input
def genuine() -> dict[str, list[bytes]]:
    """Every genuine record at hand, by dataset; what only INDO or ITSDO says is put into the row that serves both."""
    from api_standin import split_records

    files = {
        "bid_offer_acceptances": ["boalf_stream.json", "boalf_excerpt_2026-05-06.json"], "generation_outturn": ["fuelhh_excerpt.json"],
        "frequency": ["freq_excerpt.json"], "fuel_instructions": ["fuelinst_excerpt.json"], "individual_generation": ["b1610_stream.json"],
        "market_index": ["mid_excerpt.json"], "wind_forecasts": ["windfor_excerpt.json"], "balancing_services": ["netbsad_excerpt.json"],
        "carbon_intensity": ["outturn.json", "intensity_date_2026-08-06.json"],
    }  # fmt: skip
    found = {key: [row for name in names for row in split_records((SAMPLES / key / name).read_bytes())] for key, names in files.items()}
    found["balancing_services_disaggregated"] = split_records((SAMPLES / "balancing_services/disbsad_excerpt.json").read_bytes())
    series = {name: json.loads((SAMPLES / f"demand_outturn/{name}.json").read_text())["data"] for name in ("indo", "itsdo")}
    both = {row["startTime"]: row for row in series["itsdo"]}
    found["demand_outturn"] = [
        json.dumps({
            "publishTime": row["publishTime"], "startTime": row["startTime"], "settlementDate": row["settlementDate"],
            "settlementPeriod": row["settlementPeriod"], "initialDemandOutturn": row["demand"],
            "initialTransmissionSystemDemandOutturn": both[row["startTime"]]["demand"],
        }).encode() for row in series["indo"]
    ]  # fmt: skip
    texts = json.loads((SAMPLES / "system_warnings/syswarn_texts_2026-09.json").read_bytes())
    found["system_warnings"] = [
        json.dumps({"dataset": "SYSWARN", "publishTime": f"2026-09-28T{n:02d}:30:00Z", **text}, ensure_ascii=False).encode() for n, text in enumerate(texts)
    ]
    return found


@pytest.mark.skipif(not SAMPLES.exists(), reason="the genuine samples are not beside this checkout")
@pytest.mark.long
def test_genuine_records_go_through_unchanged(place: Place) -> None:
    # A window that is over for good, whatever today is: the samples are moved by whole days of 2026 only in the clock.
    now = datetime(2028, 6, 1, tzinfo=UTC)
    place.api.set(now=int(now.timestamp()))
    samples = genuine()
    assert set(samples) == set(TWELVE)
    for key, rows in samples.items():
        place.api.load_rows(CODES[key], rows)
        dataset = REGISTRY[key]
        held = sorted({settlement_of(dataset.instant.of(tuple(json.loads(row)[f] for f in dataset.instant.fields)))[0] for row in rows})
        runs = [("--datasets", key, *span(str(run.first), str(run.last))) for run in spans(held, 99, False)]
        for which in runs:
            place.download(*which, now=now).ok()
            assert place.load(*which, now=now).ok().cell(key, "CONFLICTS") == "0"
            assert place.verification(*which, now=now)[0] == 0
        unbroken = [row.translate(None, b"\r\n") for row in rows]
        assert sorted(line for day in held for line in place.lines(key, day)) == sorted(unbroken), key
        wanted = model_rows(key, list(dict.fromkeys(unbroken)))
        assert sorted(map(_plain, place.rows(key))) == sorted(map(_plain, wanted)), key


def _plain(row: dict[str, Any]) -> str:
    return repr(sorted(row.items()))
