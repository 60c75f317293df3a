"""Content checks: each fault is planted in what the API serves and must be found; ordinary data must stay unremarked."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from conftest import TWELVE, Place

from collector.verify import quality
from datasets_config import REGISTRY

DAY, NEXT = "2024-01-05", "2024-01-06"


def found(place: Place, key: str, first: str = DAY, last: str = NEXT) -> dict[tuple[str, str], dict[str, Any]]:
    """What is found in a dataset after collecting it, by check and column. Findings never fail a verification."""
    which = ("--datasets", key, "--start-date", first, "--end-date", last)
    place.collect(*which)
    code, told = place.verification(*which)
    assert code == 0
    return {(finding["check"], finding["column"]): finding for finding in told[key]["findings"]}


@pytest.mark.long
def test_ordinary_days_are_unremarked(place: Place) -> None:
    which = ("--datasets", *TWELVE, "--start-date", "2024-03-30", "--end-date", "2024-04-01")
    place.collect(*which)
    code, told = place.verification(*which)
    assert code == 0
    every = [(key, f["check"], f["column"], f["level"]) for key, entry in told.items() for f in entry["findings"]]
    assert every == [("market_index", "zeros", "price", "information")]
    assert "N2EXMIDP's zeros" in told["market_index"]["findings"][0]["text"]


def test_out_of_bounds(place: Place) -> None:
    place.api.change("FREQ", DAY, "type_change", value=12.5, rows=3)
    place.api.change("FREQ", NEXT, "type_change", value=53.001, rows=1)
    finding = found(place, "frequency")["out of bounds", "frequency"]
    assert (finding["count"], finding["level"]) == (4, "warning")
    assert finding["text"] == "values are outside 47 to 53 Hz"
    assert finding["examples"] == ["2024-01-05T00:00:00Z = 12.5", "2024-01-06T00:00:00Z = 53.001"]


def test_the_bounds_themselves_are_believed(place: Place) -> None:
    place.api.change("FREQ", DAY, "type_change", value=47, rows=1)
    place.api.change("FREQ", NEXT, "type_change", value=53, rows=1)
    assert found(place, "frequency") == {}


@pytest.mark.parametrize(("rows", "stuck"), [(61, False), (62, True)])
def test_stuck_value(place: Place, rows: int, stuck: bool) -> None:
    """61 samples of 15 seconds span a quarter of an hour, which is allowed."""
    place.api.change("FREQ", DAY, "type_change", value=50.123, rows=rows)
    findings = found(place, "frequency", DAY, DAY)
    assert list(findings) == ([("stuck value", "frequency")] if stuck else [])
    if stuck:
        finding = findings["stuck value", "frequency"]
        assert (finding["count"], finding["text"]) == (1, "runs of one number, each longer than 0.25 h")
        assert finding["examples"] == ["2024-01-05T00:00:00Z = 50.123 for 0.25 h"]


def test_a_gap_ends_a_stuck_value(place: Place) -> None:
    rows = [
        f'{{"dataset":"FREQ","measurementTime":"2024-01-05T{n // 240:02}:{n // 4 % 60:02}:{n % 4 * 15:02}Z","frequency":50.123}}'
        for n in (*range(50), *range(100, 150))
    ]
    place.api.load_rows("FREQ", rows)
    assert found(place, "frequency", DAY, DAY) == {}


def test_a_day_that_is_another_day_again(place: Place) -> None:
    rows = place.api.expected("FREQ", DAY)
    place.api.load_rows("FREQ", [*rows, *(row.replace(b"2024-01-05", b"2024-01-06") for row in rows), *(row.replace(b"2024-01-05", b"2024-01-07") for row in reversed(rows))])
    finding = found(place, "frequency", "2024-01-05", "2024-01-07")["identical days", ""]
    assert (finding["count"], finding["level"]) == (2, "warning")
    assert finding["examples"] == ["2024-01-06 is 2024-01-05 again (5,760 rows)", "2024-01-07 is 2024-01-05 again (5,760 rows)"]


def test_one_different_row_makes_a_different_day(place: Place) -> None:
    rows = place.api.expected("FREQ", DAY)
    again = [row.replace(b"2024-01-05", b"2024-01-06") for row in rows]
    again[7] = re.sub(rb'"frequency":[0-9.]+', b'"frequency":50.9999', again[7])
    place.api.load_rows("FREQ", [*rows, *again])
    assert found(place, "frequency") == {}


def test_days_of_zeros_are_not_called_identical(place: Place) -> None:
    names = [c.source for c in REGISTRY["balancing_services"].columns if c.type == "FLOAT64"]
    values = ",".join(f'"{name}":0.0' for name in names)
    place.api.load_rows("NETBSAD", [
        f'{{"dataset":"NETBSAD","settlementDate":"{day}","settlementPeriod":{period},{values}}}' for day in (DAY, NEXT) for period in range(1, 49)
    ])  # fmt: skip
    assert found(place, "balancing_services") == {}


def test_off_the_grid(place: Place) -> None:
    place.api.load_rows("FREQ", [
        *place.api.expected("FREQ", DAY), b'{"dataset":"FREQ","measurementTime":"2024-01-05T08:00:07Z","frequency":50.01}',
    ])  # fmt: skip
    finding = found(place, "frequency", DAY, DAY)["off the grid", ""]
    assert (finding["count"], finding["examples"]) == (1, ["2024-01-05T08:00:07Z"])


def test_zero_actuals_of_carbon_are_named(place: Place) -> None:
    place.api.change("CARBON", DAY, "type_change", name="actual", value=0, rows=2)
    finding = found(place, "carbon_intensity")["zeros", "intensity_actual"]
    assert (finding["count"], finding["level"]) == (2, "information")
    assert finding["text"] == "zeros: a glitch of the source, not clean power"


def test_wrong_labels_are_known_until_2022(place: Place) -> None:
    finding = found(place, "generation_outturn", "2022-07-10", "2022-07-11")["labels", ""]
    assert (finding["count"], finding["level"]) == (36, "information")
    assert "a known fault of the source until 2022-07-15" in finding["text"]
    assert re.match(r"2022-07-10T22:30:00Z \w+ as 2022-07-11 period 48$", finding["examples"][0])


def test_wrong_labels_are_a_warning_later(place: Place) -> None:
    place.api.change("MID", DAY, "type_change", name="settlementPeriod", value=9, rows=2)
    finding = found(place, "market_index", DAY, DAY)["labels", ""]
    assert (finding["count"], finding["level"]) == (2, "warning")


def test_text_that_came_from_the_source_cannot_forge_a_line(place: Place) -> None:
    place.api.change("FUELHH", DAY, "type_change", name="fuelType", value="X\n\x1b[31mok", rows=1)
    place.api.change("FUELHH", DAY, "type_change", name="generation", value=99_999, rows=1)
    which = ("--datasets", "generation_outturn", "--start-date", DAY, "--end-date", DAY)
    place.collect(*which)
    ran = place.load("--verify", *which)
    (line,) = [line for line in ran.out.splitlines() if "out of bounds" in line]
    assert line.endswith(r"(first: 2024-01-05T00:00:00Z X\x0a\x1b[31mok = 99999)")


def test_a_table_that_cannot_be_checked_is_told(place: Place) -> None:
    which = ("--datasets", "market_index", "--start-date", DAY, "--end-date", DAY)
    place.collect(*which)
    place.query(f"ALTER TABLE `{place.table_id('market_index')}` DROP COLUMN price")
    _code, told = place.verification(*which)
    assert [finding["check"] for finding in told["market_index"]["findings"]] == ["not checked"]


def test_findings_stand_in_the_log_of_a_run_for_machines(place: Place) -> None:
    place.api.change("FREQ", DAY, "type_change", value=12.5, rows=3)
    which = ("--datasets", "frequency", "--start-date", DAY, "--end-date", DAY)
    place.collect(*which)
    ran = place.load("--verify", "--output", "json", *which)
    assert re.search(r"WARNING frequency: out of bounds: frequency: 3 values are outside 47 to 53 Hz \(first: 2024-01-05T00:00:00Z = 12.5\)", ran.err)


@pytest.mark.parametrize("key", TWELVE)
def test_the_query_reads_only_the_days_in_question(key: str) -> None:
    sql = quality.content_sql(REGISTRY[key], "p.d.t", [date(2024, 1, 5), date(2024, 1, 6)])
    assert sql.count("FROM `p.d.t`") == sql.count("FROM `p.d.t` WHERE settlement_date BETWEEN DATE '2024-01-05' AND DATE '2024-01-06'")
    values = {column.name for column in quality.value_columns(REGISTRY[key])}
    assert values
    assert not any("date" in name or "time" in name or "period" in name for name in values)


def test_a_price_that_stands_still(place: Place) -> None:
    """Not zero, which is told apart by provider."""
    def row(provider: str, period: int, price: float) -> str:
        start = f"{DAY}T{(period - 1) // 2:02}:{(period - 1) % 2 * 30:02}:00Z"
        return f'{{"dataset":"MID","startTime":"{start}","dataProvider":"{provider}","settlementDate":"{DAY}","settlementPeriod":{period},"price":{price},"volume":1.0}}'

    rows = [row("N2EXMIDP", period, 0.0) for period in range(1, 49)]
    rows += [row("APXMIDP", period, 88.8 if period <= 20 else 0.0 if period <= 40 else period) for period in range(1, 49)]
    place.api.load_rows("MID", rows)
    place.collect("--datasets", "market_index", "--start-date", DAY, "--end-date", DAY)
    _code, told = place.verification("--datasets", "market_index", "--start-date", DAY, "--end-date", DAY)
    texts = [(f["check"], f["count"], f["level"], f["examples"][0]) for f in told["market_index"]["findings"]]
    assert texts == [
        ("stuck value", 1, "warning", f"{DAY}T00:00:00Z APXMIDP = 88.8 for 9.5 h"),
        ("zeros", 48, "information", f"{DAY}T00:00:00Z N2EXMIDP"), ("zeros", 20, "information", f"{DAY}T10:00:00Z APXMIDP"),
    ]  # fmt: skip


@pytest.mark.parametrize(("key", "code", "column", "source"), [
    ("balancing_services_disaggregated", "DISBSAD", "cost", "cost"),
    ("balancing_services", "NETBSAD", "net_sell_price_volume_adjustment_system", "netSellPriceVolumeAdjustmentSystem"),
])  # fmt: skip
def test_costs_and_volumes_beyond_belief(place: Place, key: str, code: str, column: str, source: str) -> None:
    place.api.change(code, DAY, "type_change", name=source, value=9e15, rows=1)
    finding = found(place, key, DAY, DAY)["out of bounds", column]
    assert (finding["count"], finding["level"]) == (1, "warning")
