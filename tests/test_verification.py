"""Verification: each class of difference is planted and must be found, named, and failed or not failed."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import Place, days

from benchmarks.bill import recorded
from collector.base import gb_calendar
from collector.base.process import Stop
from collector.cloud import costs
from collector.source.errors import Refused, Unparsable, WrongAnswer
from collector.verify import source_counts
from collector.warehouse.tables import Warehouse
from datasets_config import REGISTRY

FIRST, LAST = "2024-03-30", "2024-04-02"
WHICH = ("--datasets", "frequency", "--start-date", FIRST, "--end-date", LAST)


def verified(place: Place, *more: str, now: datetime | None = None) -> tuple[int, dict[str, Any]]:
    """Exit code, and what is said of frequency."""
    code, told = place.verification(*WHICH, *more, now=now)
    return code, told["frequency"]


def test_all_there(place: Place) -> None:
    place.collect(*WHICH)
    code, told = verified(place)
    assert (code, told["states"], told["days"], told["error"]) == (0, {"complete": 4}, [], "")
    assert told["bytes_stored"] == sum(blob.size for blob in place.objects().values())
    assert told["last_fetch"] == max(blob.metadata["fetched_at"] for blob in place.objects().values())
    # The clock-change day of 23 hours is in it, and the source counts as the calendar does.
    assert told["rows_stored"] == told["rows_loaded"] == 3 * 5_760 + 5_520


def test_missing(place: Place) -> None:
    place.collect("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-04-01")
    code, told = verified(place)
    assert (code, told["states"]) == (1, {"missing": 1, "complete": 3})
    assert told["days"] == [["2024-04-02", "missing", 5760, None, 0, 5760]]


def test_surplus(place: Place) -> None:
    place.collect(*WHICH)
    place.blob("frequency", LAST).delete()
    code, told = verified(place)
    assert (code, told["states"]) == (1, {"surplus": 1, "complete": 3})
    assert told["days"] == [[LAST, "surplus", 5760, None, 5760, 5760]]
    assert told["missing_days"] == told["surplus_days"] == [LAST]


def test_not_loaded(place: Place) -> None:
    place.collect("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-04-01")
    place.download(*WHICH).ok()
    code, told = verified(place)
    assert (code, told["states"], told["unloaded_days"]) == (1, {"not loaded": 1, "complete": 3}, [LAST])


def test_differing(place: Place) -> None:
    place.collect(*WHICH)
    place.query(f"DELETE FROM `{place.table_id('frequency')}` WHERE settlement_date = DATE '{LAST}' AND settlement_period = 7")
    code, told = verified(place)
    assert (code, told["days"]) == (1, [[LAST, "differing", 5760, 5760, 5640, 5760]])


def test_short_and_empty_at_source_do_not_fail(place: Place) -> None:
    place.api.change("FREQ", LAST, "drop_records", rows=5)
    place.api.change("FREQ", "2024-04-01", "drop_day")
    place.collect(*WHICH)
    code, told = verified(place)
    assert code == 0
    assert told["days"] == [["2024-04-01", "empty at source", 5760, 0, 0, None], [LAST, "short at source", 5760, 5755, 5755, 5755]]
    assert (told["short_days"], told["empty_days"], told["ok"]) == ([LAST], ["2024-04-01"], True)


def test_behind_the_source_fails_only_once_final(place: Place) -> None:
    place.api.change("FREQ", LAST, "drop_records", rows=5)
    place.collect(*WHICH)
    place.api.unchange("FREQ", LAST)
    assert verified(place, "--without-source")[0] == 0, "without asking it is short at source"
    code, told = verified(place)
    assert (code, told["days"]) == (1, [[LAST, "behind source", 5760, 5755, 5755, 5760]])
    text = place.load("--verify", *WHICH)
    assert f"frequency: behind source: {LAST} (the source has more than was fetched; the next run of the downloader fetches" in text.out
    # The next plain run does, and asks for that day alone.
    asked = len(place.requests("/datasets/FREQ"))
    place.download(*WHICH).ok()
    (request,) = place.requests("/datasets/FREQ")[asked:]
    assert "From=2024-04-01T23%3A00" in request["query"]
    place.load(*WHICH).ok()
    assert verified(place)[0] == 0


def test_provisional(place: Place) -> None:
    early = datetime(2024, 4, 3, 6, tzinfo=timezone.utc)
    place.api.set(now="2024-04-03T06:00Z")
    place.api.change("FREQ", LAST, "drop_records", rows=5)
    place.download(*WHICH, now=early).ok()
    place.load(*WHICH).ok()
    place.api.unchange("FREQ", LAST)
    code, told = verified(place, now=early)
    assert (code, told["provisional_days"]) == (0, 4)
    assert {state for _day, state, *_counts in told["days"]} == {"provisional"}
    # The days have become final since, but were not read again: that is still to come.
    assert verified(place)[1]["provisional_days"] == 4


def test_fewer_at_source_is_a_finding(place: Place) -> None:
    place.collect(*WHICH)
    place.api.change("FREQ", LAST, "drop_records", rows=5)
    code, told = verified(place)
    (finding,) = told["findings"]
    assert code == 0
    assert (finding["check"], finding["count"], finding["examples"]) == ("fewer at source", 1, [f"{LAST}: 5760 rows, 5755 at the source"])


def test_acceptances_counted_by_their_labels_are_no_loss(place: Place) -> None:
    """Near midnight the label of a segment may be another day than that of its start; a real loss is more than that."""
    which = ("--datasets", "bid_offer_acceptances", "--start-date", FIRST, "--end-date", FIRST)
    place.api.set(boalf_per_day=600)
    place.api.change("BOALF", FIRST, "drop_records", rows=2)
    place.collect(*which)
    stored = int(place.blob("bid_offer_acceptances", FIRST).metadata["rows"])
    place.api.unchange("BOALF", FIRST)
    code, told = place.verification(*which)
    assert (code, told["bid_offer_acceptances"]["states"]) == (0, {"complete": 1})
    place.api.change("BOALF", FIRST, "drop_records", rows=stored // 5)
    place.download(*which, "--force").ok()
    place.load(*which).ok()
    place.api.unchange("BOALF", FIRST)
    code, told = place.verification(*which)
    assert (code, told["bid_offer_acceptances"]["states"]) == (1, {"behind source": 1})


def test_the_gaps_are_in_the_log_too(place: Place) -> None:
    place.collect("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-04-01")
    ran = place.load("--verify", "--output", "json", *WHICH)
    assert re.search(rf" ERROR +frequency: missing: {LAST} \(not stored; run the downloader", ran.err)


def test_more_than_expected_is_a_finding(place: Place) -> None:
    record = {"dataset": "MID", "dataProvider": "NEWMIDP", "price": 5.0, "volume": 1.0, "settlementDate": "2024-01-05", "settlementPeriod": 1}
    rows = place.api.expected("MID", "2024-01-05")
    place.api.load_rows("MID", [*rows, {"startTime": "2024-01-05T00:00:00Z", **record}])
    which = ("--datasets", "market_index", "--start-date", "2024-01-05", "--end-date", "2024-01-05")
    place.collect(*which)
    code, told = place.verification(*which)
    checks = {finding["check"]: finding for finding in told["market_index"]["findings"]}
    assert code == 0
    assert checks["new series"]["examples"] == ["NEWMIDP: 2024-01-05 to 2024-01-05"]
    assert told["market_index"]["states"] == {"complete": 1}


def test_a_source_that_cannot_be_asked_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.collect(*WHICH)
    monkeypatch.setattr("collector.source.http._BACKOFF_BASE", 0.001)
    place.overrides["ELEXON_BASE_URL"] = "http://127.0.0.1:9"
    code, told = verified(place)
    assert (code, told["ok"], told["states"], told["error"]) == (0, True, {"complete": 4}, "")
    assert told["source_not_asked"].startswith("the source could not be asked what it has: no usable answer")
    # Nor is it for the datasets after it, which are spared the wait.
    code, both = place.verification("--datasets", "frequency", "balancing_services", "--start-date", FIRST, "--end-date", LAST)
    assert both["balancing_services"]["source_not_asked"] == both["frequency"]["source_not_asked"] != ""


def test_the_source_is_asked_unless_told_not_to(place: Place) -> None:
    place.collect(*WHICH)
    before = len(place.api.requests)
    verified(place, "--without-source")
    assert len(place.api.requests) == before
    verified(place)
    assert [entry["path"] for entry in place.api.requests[before:]] == ["/bmrs/api/v1/data-status/FREQ"]


def test_a_long_range_is_asked_in_parts_of_31_days(place: Place) -> None:
    """The API refuses more; summer days come back whole although it counts by UTC days."""
    api = source_counts.source_api(_settings(place), Stop())
    dataset = REGISTRY["balancing_services"]
    counts = source_counts.source_counts(api, dataset, *(days("2024-02-20", "2024-04-30")[n] for n in (0, -1)))
    assert counts == {(day, period): 1 for day in days("2024-02-20", "2024-04-30") for period in range(1, gb_calendar.periods_in(day) + 1)}
    assert len(place.requests("/data-status/")) == 3


class _Settings:
    api_key, http_timeout = "", 20.0

    def __init__(self, url: str) -> None:
        self.values = {"ELEXON_BASE_URL": url}


def _settings(place: Place) -> Any:
    return _Settings(place.api.elexon_url)


def _points(*points: tuple[str, int, int]) -> bytearray:
    rows = [{"settlementDate": day, "settlementPeriod": period, "dataPointCount": count} for day, period, count in points]
    return bytearray(json.dumps({"metadata": {"datasets": ["FREQ"]}, "data": rows}).encode())


def test_reading_a_status() -> None:
    first, last = days("2024-06-01")[0], days("2024-06-02")[0]
    body = _points(("2024-05-31", 48, 9), ("2024-06-01", 1, 120), ("2024-06-01", 2, 119), ("2024-06-02", 1, 7), ("2024-06-03", 1, 9))
    assert source_counts._read_status(first, last, body) == {(first, 1): 120, (first, 2): 119, (last, 1): 7}
    assert source_counts._read_status(first, last, _points()) == {}
    with pytest.raises(WrongAnswer, match="the answer holds 2026-01-01"):
        source_counts._read_status(first, last, _points(("2026-01-01", 1, 120)))
    for damaged in (b"", b"[]", b"<html>", b'{"data":null}', b'{"data":[{"settlementDate":"x"}]}', _points(("2024-06-01", 1, 120))[:-9], b'{"data":"\xff"}'):
        with pytest.raises(Unparsable):
            source_counts._read_status(first, last, bytearray(damaged))


def test_a_refusal_is_raised(place: Place) -> None:
    api = source_counts.source_api(_settings(place), Stop())
    with pytest.raises(Refused):
        source_counts.source_counts(api, REGISTRY["market_index"], *days("2024-01-01", "2024-01-02"))


@pytest.mark.parametrize("flag", [["--report", "x.html"], ["--without-source"], ["--since", "20240101_000000"], ["--output", "json"]])
def test_flags_that_need_verify(place: Place, flag: list[str]) -> None:
    ran = place.load(*flag, *WHICH)
    assert (ran.code, ran.out) == (2, "")
    assert f"{flag[0]}" in ran.err
    assert "goes with --verify; add --verify or leave it out" in ran.err


def test_counts_only_leaves_the_values_alone(place: Place) -> None:
    which = ("--datasets", "market_index", "--start-date", FIRST, "--end-date", FIRST)
    place.collect(*which)
    assert place.verification(*which)[1]["market_index"]["findings"], "N2EXMIDP's zeros"
    code, told = place.verification(*which, "--counts-only")
    assert (code, told["market_index"]["findings"], told["market_index"]["days_loaded"]) == (0, [], 1)


# ------------------------------------------------------------------------------- since: what a daily run has to look at
LATER = "20990101_000000"
CHEAP = ("--without-source", "--since")


def _statements(place: Place, *more: str) -> tuple[list[str], dict[str, Any]]:
    """The queries of a verification of frequency, but for that of the ledger, and what is said."""
    jobs: list[dict[str, Any]] = []
    with recorded(jobs):
        told = verified(place, *more)[1]
    return [job["query"] for job in jobs if "collector_load_ledger" not in job["query"]], told


def test_what_is_not_new_is_verified_without_reading_it(place: Place) -> None:
    place.collect(*WHICH)
    whole = verified(place, "--without-source")[1]
    assert _statements(place, *CHEAP, LATER, "--counts-only") == ([], whole)
    (sent,), told = _statements(place, *CHEAP, LATER)
    assert "INFORMATION_SCHEMA.PARTITIONS" in sent
    assert told == whole
    assert [len(_statements(place, *more)[0]) for more in ((), ("--counts-only",))] == [1, 1], "values and counts are one read"


def test_values_that_were_published_since_are_checked(place: Place) -> None:
    place.api.change("FREQ", FIRST, "type_change", value=12.5, rows=3)
    place.api.change("FREQ", LAST, "type_change", value=12.5, rows=2)
    present = datetime.now(timezone.utc)
    place.collect("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-03-31")
    place.collect(*WHICH, now=present + timedelta(hours=2))
    since = f"{(present + timedelta(hours=1)).astimezone():%Y%m%d_%H%M%S}"
    sent, told = _statements(place, *CHEAP, since)
    # April was published since, March was not.
    assert "WHERE settlement_date BETWEEN DATE '2024-04-01' AND DATE '2024-04-02'" in sent[0]
    assert len(sent) == 2 and "PARTITIONS" in sent[1]
    assert [finding["count"] for finding in told["findings"]] == [2]
    assert [finding["count"] for finding in verified(place)[1]["findings"]] == [5]


def test_an_old_day_that_is_read_with_new_ones_is_compared_whole(place: Place) -> None:
    """It is in the month of a day that was published since, and its number of rows is right."""
    present = datetime.now(timezone.utc)
    place.collect("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-04-01")
    place.collect(*WHICH, now=present + timedelta(hours=2))
    place.query(f"UPDATE `{place.table_id('frequency')}` SET frequency = 50.5 WHERE measurement_time = '2024-04-01T10:00:00Z'")
    since = f"{(present + timedelta(hours=1)).astimezone():%Y%m%d_%H%M%S}"
    assert verified(place, *CHEAP, since)[1]["differing_days"] == ["2024-04-01"]


def test_digests_of_days_that_were_just_published_are_not_computed_again(place: Place) -> None:
    """Where partitions are days, no other is read with them; values are checked, rows counted, and all is compared by hand."""
    key, day = "individual_generation", "2024-01-05"
    which = ("--datasets", key, "--start-date", day, "--end-date", day)
    place.api.change("B1610", day, "type_change", name="quantity", value=99_999, rows=2)
    place.collect(*which)
    jobs: list[dict[str, Any]] = []
    with recorded(jobs):
        told = place.verification(*which, *CHEAP, "20200101_000000")[1][key]
    (content,) = [job["query"] for job in jobs if "print_sum" in job["query"]]
    assert {c.name for c in costs.named(REGISTRY[key], content)} == {
        "settlement_date", "settlement_period", "start_time", "bm_unit", "quantity", "settlement_date_label", "settlement_period_label",
    }  # fmt: skip
    assert [(finding["check"], finding["count"]) for finding in told["findings"]] == [("out of bounds", 2)]
    table = place.table_id(key)
    place.query(f"UPDATE `{table}` SET quantity = quantity + 1 WHERE start_time = '2024-01-05T10:00:00Z'")
    assert place.verification(*which, "--without-source")[1][key]["differing_days"] == [day]
    place.query(f"DELETE FROM `{table}` WHERE start_time = '2024-01-05T10:00:00Z'")
    assert place.verification(*which, *CHEAP, "20200101_000000")[1][key]["differing_days"] == [day]


def test_the_ledger_is_read_once_for_all_datasets(place: Place) -> None:
    which = ("--datasets", "frequency", "balancing_services", "market_index", "--start-date", FIRST, "--end-date", LAST)
    place.collect(*which[:3], *which[4:])
    jobs: list[dict[str, Any]] = []
    with recorded(jobs):
        code, told = place.verification(*which, *CHEAP, LATER)
    (ledger,) = [job for job in jobs if "collector_load_ledger" in job["query"]]
    assert (ledger["labels"], ledger["maximumBytesBilled"]) == ({"app": "gb_electricity", "step": "ledger"}, str(10**9))
    assert (code, told) == place.verification(*which, "--without-source")
    assert [told[key]["states"] for key in which[1:4]] == [{"complete": 4}, {"complete": 4}, {"missing": 4}]


@pytest.mark.parametrize(("statement", "rows"), [
    ("DELETE FROM `{}` WHERE settlement_date = DATE '2024-04-02' AND settlement_period = 7", 5_640),
    ("INSERT INTO `{0}` SELECT * FROM `{0}` WHERE settlement_date = DATE '2024-04-02' AND settlement_period = 7", 5_880),
])  # fmt: skip
def test_rows_of_an_old_day_that_were_changed_by_hand_are_found_by_metadata(place: Place, statement: str, rows: int) -> None:
    place.collect(*WHICH)
    place.query(statement.format(place.table_id("frequency")))
    sent, told = _statements(place, *CHEAP, LATER)
    assert (told["days"], told["ok"]) == ([[LAST, "differing", 5760, 5760, rows, None]], False)
    # The month that differs is counted, the other is not.
    assert len(sent) == 2 and "PARTITIONS" in sent[0]
    assert "BETWEEN DATE '2024-04-01' AND DATE '2024-04-02' GROUP BY" in sent[1]
    # Elsewhere they do not disturb.
    assert place.verification("--datasets", "frequency", "--start-date", FIRST, "--end-date", "2024-04-01", *CHEAP, LATER)[0] == 0


def test_a_number_of_rows_that_is_not_the_ledgers_is_no_failure_by_itself(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be that of a moment before another run published."""
    place.collect(*WHICH)
    table = Warehouse.table

    def late(self: Warehouse, name: str) -> Any:
        found = table(self, name)
        if found is not None:
            found._properties["numRows"] = "17280"
        return found

    monkeypatch.setattr(Warehouse, "table", late)
    (sent,), told = _statements(place, *CHEAP, LATER, "--counts-only")
    assert "PARTITIONS" in sent
    assert (told["ok"], told["rows_loaded"]) == (True, 3 * 5_760 + 5_520)
