"""Files of the data portal, read: resources by name, headers by name, dates, instants, and what is wrong with a file by name.

Every genuine file of ../shared/samples goes cell by cell into its records. Where a comment says "trap n" the test is of the
n-th known way in which these files lose or spoil data in silence.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from api_standin import ApiStandin
from conftest import SAMPLES, question

from collector.base.process import Stop
from collector.command_line import dataset_names
from collector.registry.common import LEFT_OUT_OF_PORTAL
from collector.registry.model import NESO, Files
from collector.source import csv_records
from collector.source.ckan import PAGE, Portal, Resource, Unresolved, bounds, resolve
from collector.source.csv_records import Broken, FileReader, Told, Unknown, parse_time
from collector.source.errors import Refused, Unavailable, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_records import read_answer
from collector.source.pace import Pace
from datasets_config import REGISTRY

UTC, LONDON = timezone.utc, ZoneInfo("Europe/London")
CAME = datetime(2026, 10, 8, 9, 0, tzinfo=UTC)
genuine = pytest.mark.skipif(not SAMPLES.exists(), reason="the recorded samples are not in ../shared/samples")
# Genuine file -> (dataset, file name as the portal had it, form of the dates for strptime).
FILES = {
    "demanddata_2001.csv": ("historic_demand", "", "%Y-%m-%d"),
    "demanddata_2009.csv": ("historic_demand", "", "%d-%b-%Y"),
    "demanddata_2022_as_of_2022-11.csv": ("historic_demand", "", "%Y-%m-%d"),
    "demanddata_2023.csv": ("historic_demand", "", "%d-%b-%y"),
    "demanddata_2024.csv": ("historic_demand", "", "%d-%b-%Y"),
    "demanddata_2026_year_file.csv": ("historic_demand", "", "%Y-%m-%d"),
    "daily_demand_update_2026-10-08.csv": ("demand_update", "", "%Y-%m-%d"),
    "demanddataupdate_2024-04.csv": ("demand_update", "", "%Y-%m-%d"),
    "embedded_archive_2024_upload.csv": ("embedded_forecast_archive", "", "%Y-%m-%dT%H:%M:%SZ"),
    "embedded_archive_2026_dump.csv": ("embedded_forecast_archive", "", "%Y-%m-%dT%H:%M:%S"),
    "embedded_forecast.csv": ("embedded_forecasts", "202608161825_embedded_forecast.csv", "%Y-%m-%dT%H:%M:%S"),
    "day_ahead_wind_forecast_2026-10-08.csv": ("day_ahead_wind_forecast", "", "%Y-%m-%d"),
    "day_ahead_demand_forecast_2026-10-08.csv": ("day_ahead_demand_forecast", "", "%Y%m%d"),
    "day_ahead_demand_forecast_historic.csv": ("day_ahead_demand_forecast_history", "", "%Y-%m-%d"),
    "demand_forecast_2_14d_half_hourly.csv": ("demand_forecast_2_14_day", "", "%Y-%m-%d"),
    "historic_generation_mix.csv": ("generation_mix", "", ""),
    "n2ex_day_ahead_price.csv": ("n2ex_day_ahead_price", "", "%Y-%m-%d"),
    "day_ahead_constraint_flows_limits.csv": ("day_ahead_constraints", "", ""),
    "constraint_breakdown_2025-26.csv": ("constraint_breakdown", "", "%Y-%m-%d"),
    "thermal_constraint_costs_2021-22.csv": ("thermal_constraint_costs", "", "%Y-%m-%d"),
    "thermal_constraint_costs_2022-23.csv": ("thermal_constraint_costs", "", "%Y-%m-%d"),
    "bsuos_historic_ii_2025.csv": ("bsuos", "", "%Y-%m-%dT%H:%M:%S"),
    "system_inertia_2026-27.csv": ("system_inertia", "", "%Y-%m-%d"),
    "system_inertia_cost_2024.csv": ("system_inertia_cost", "", "%Y-%m-%d"),
    "carbon_intensity_of_balancing_actions.csv": ("carbon_intensity_of_balancing", "", ""),
    "national_carbon_intensity_forecast.csv": ("carbon_forecast_national", "", ""),
    "regional_carbon_intensity_forecast.csv": ("carbon_forecast_regional", "", ""),
    "tec_register_2026-10.csv": ("tec_register", "", "%d/%m/%Y"),
    "interconnector_register_2026-10.csv": ("interconnector_register", "", "%Y-%m-%d"),
    "capacity_market_components.csv": ("capacity_market_components", "", ""),
    "portal_known_issues.csv": ("portal_known_issues", "", ""),
}
Record = dict[str, Any]


def sample(name: str) -> bytes:
    return (SAMPLES / "neso_data_portal" / name).read_bytes()


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def read(key: str, body: bytes, file_name: str = "data.csv", **told: Any) -> tuple[list[tuple[date, Record]], FileReader]:
    """Days and records of a file, and the reader, which has learnt what is odd about it."""
    dataset = REGISTRY[key]
    assert dataset.files
    reader = FileReader(dataset, dataset.files, Told(file_name, told.pop("modified", CAME), **told))
    spool = io.BytesIO(body)
    form = reader.judge(spool)
    return [(day, json.loads(line)) for day, line in reader.lines(spool, form)], reader


def records(key: str, body: bytes, file_name: str = "data.csv", **told: Any) -> list[Record]:
    return [record for _, record in read(key, body, file_name, **told)[0]]


def starts(found: list[Record]) -> list[str]:
    return [record["@start"] for record in found]


# ------------------------------------------------------------------------------------------------------ genuine files
@genuine
@pytest.mark.parametrize("name", FILES)
def test_every_genuine_cell_becomes_its_value(name: str) -> None:
    """A row is a record, in its order, and each cell of it stands there as published but for what is told here."""
    key, file_name, form = FILES[name]
    dataset, body = REGISTRY[key], sample(name)
    found, rows = records(key, body, file_name or name), table(body)
    if key == "day_ahead_constraints":
        # Rows of the hour that UK clocks show twice come last.
        rows.sort(key=lambda row: row["Date_ Time GMT_BST"].startswith("2024-10-27T01"))
    assert len(found) == len(rows)
    names = dict(dataset.files.aliases) if dataset.files else {}
    types = {column.source: column.type for column in dataset.columns}
    blanked = {(blank.name, value): set(blank.blank) for blank in (dataset.files.blanks if dataset.files else ()) for value in blank.values}
    for record, row in zip(found, rows, strict=True):
        wanted: Record = {}
        for header, text in row.items():
            ours = names.get(header, header)
            if ours not in types:
                continue
            value: str | None = text.strip()
            if types[ours] == "DATE" and value:
                value = datetime.strptime(value.title() if "b" in form else value, form).date().isoformat() if "T" in form or len(value) < 12 else value[:10]
            elif types[ours] in ("INT64", "FLOAT64"):
                value = None if value == "NA" else (value or "").replace(",", "")
            wanted[ours] = value or None
        for (column, value), blank in blanked.items():
            if wanted.get(column) == value:
                wanted |= dict.fromkeys(blank & wanted.keys())
        assert {name: value for name, value in record.items() if not name.startswith("@")} == wanted


@genuine
def test_the_instant_of_a_period_is_that_of_the_uk_clock() -> None:
    found = {(r["SETTLEMENT_DATE"], r["SETTLEMENT_PERIOD"]): r["@start"] for name in FILES if name.startswith("demanddata_") for r in records("historic_demand", sample(name))}
    assert found["2009-07-01", "1"] == "2009-06-30T23:00:00Z"
    assert found["2024-03-31", "46"] == "2024-03-31T22:30:00Z", "46 periods in spring"
    assert found["2024-10-27", "50"] == "2024-10-27T23:30:00Z", "50 in autumn"
    assert sum(1 for day, _ in found if day == "2022-03-27") == 46 and sum(1 for day, _ in found if day == "2022-10-30") == 50
    assert len(set(found.values())) == len(found)


@genuine
def test_trap_3_placeholders_of_the_demand_update_are_no_demand() -> None:
    found = {(r["SETTLEMENT_DATE"], r["SETTLEMENT_PERIOD"]): r for r in records("demand_update", sample("daily_demand_update_2026-10-08.csv"))}
    real, actual, forecast = (found["2026-10-08", period] for period in ("15", "16", "18"))
    assert (real["ND"], real["TSD"], real["SCOTTISH_TRANSFER"]) == ("26026", "29216", "0")
    assert actual["FORECAST_ACTUAL_INDICATOR"] == "A" and actual["ND"] is actual["TSD"] is actual["IFA_FLOW"] is None
    assert forecast["FORECAST_ACTUAL_INDICATOR"] == "F" and forecast["ND"] is forecast["TSD"] is None
    assert (actual["EMBEDDED_WIND_GENERATION"], forecast["EMBEDDED_SOLAR_GENERATION"]) == ("1548", "2382"), "of these a forecast is one"


@genuine
def test_trap_4_columns_are_read_by_name() -> None:
    (first, _), (other, *_) = (records("historic_demand", sample(name)) for name in ("demanddata_2026_year_file.csv", "demanddata_2024.csv"))
    assert (first["ND"], first["FORECAST_ACTUAL_INDICATOR"], first["TSD"], first["SCOTTISH_TRANSFER"], first["IFA_FLOW"]) == ("25107", "A", "29668", "2945", "-1143")
    assert (other["ND"], other["TSD"], other["SCOTTISH_TRANSFER"], other["IFA_FLOW"]) == ("21783", "23466", "-71", "417")
    # In another order the same records.
    rows = table(sample("demanddata_2024.csv"))
    turned = io.StringIO(newline="")
    writer = csv.DictWriter(turned, list(rows[0])[::-1])
    writer.writeheader()
    writer.writerows(rows)
    assert records("historic_demand", turned.getvalue().encode()) == records("historic_demand", sample("demanddata_2024.csv"))


@pytest.mark.parametrize(
    ("text", "form", "told"),
    [
        ("01-Jan-23", "dd-mon-yy", "2023-01-01"), ("01-JAN-2009", "dd-mon-yyyy", "2009-01-01"), ("03/04/2031", "dd/mm/yyyy", "2031-04-03"),
        ("20261009", "yyyymmdd", "2026-10-09"), ("2022-10-14T00:00:00", "iso", "2022-10-14"), ("2023-10-28T00:30", "iso", "2023-10-28"),
    ],
)  # fmt: skip
def test_trap_5_dates_are_strict(text: str, form: str, told: str) -> None:
    assert parse_time(text, form).date().isoformat() == told


@pytest.mark.parametrize(
    ("text", "form"), [("01-Jan-23", "dd-mon-yyyy"), ("01-Jan-2023", "dd-mon-yy"), ("31/13/2024", "dd/mm/yyyy"), ("2024-1-1", "iso"), ("24-01-01", "iso"), ("2024-02-30", "iso")]
)  # fmt: skip
def test_trap_5_no_date_is_made_of_what_is_none(text: str, form: str) -> None:
    with pytest.raises(ValueError):
        parse_time(text, form)


def test_trap_5_one_form_holds_for_a_whole_file() -> None:
    """3 April and 4 March look alike; the 31st tells. A file that mixes two forms is told, not guessed at."""
    assert [r["Settlement Date"] for r in records("system_inertia_cost", b"Settlement Date,Cost\n03/04/2020,1\n30/04/2020,2\n")] == ["2020-04-03", "2020-04-30"]
    with pytest.raises(Unknown, match=r"Settlement Date is '2020-04-04' in line 3: no form of date that is known holds for the whole file"):
        records("system_inertia_cost", b"Settlement Date,Cost\n03/04/2020,1\n2020-04-04,2\n")


@genuine
def test_traps_6_and_7_embedded_times_are_ends_in_utc_and_issues_are_of_the_uk_clock() -> None:
    """The period tells the half hour; the UTC time beside it is its end, in each genuine row; three rows of June 2026 have
    clock times within the dates."""
    for name in ("embedded_archive_2024_upload.csv", "embedded_archive_2026_dump.csv", "embedded_forecast.csv"):
        key, file_name, _ = FILES[name]
        for record, row in zip(records(key, sample(name), file_name), table(sample(name)), strict=True):
            if row["DATE_GMT"][11:19] == "00:00:00":
                end = datetime.fromisoformat(f"{row['DATE_GMT'][:10]}T{row['TIME_GMT']}+00:00")
                assert record["@start"] == (end - timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    issues = {r["Forecast_Datetime"]: r["@issue"] for r in records("embedded_forecast_archive", sample("embedded_archive_2024_upload.csv"))}
    assert issues["2024-01-01T00:12:00Z"] == "2024-01-01T00:12:00Z"
    assert issues["2024-07-01T12:12:00Z"] == "2024-07-01T11:12:00Z", "it ends in Z and is an hour ahead in summer"
    assert {r["@issue"] for r in records("embedded_forecasts", sample("embedded_forecast.csv"), "202608161825_embedded_forecast.csv")} == {"2026-08-16T18:25:00Z"}
    assert starts(records("day_ahead_wind_forecast", sample("day_ahead_wind_forecast_2026-10-08.csv")))[0] == "2026-10-08T23:00:00Z", "a start already"
    assert starts(records("demand_forecast_2_14_day", sample("demand_forecast_2_14d_half_hourly.csv"))) == [
        "2026-10-09T23:00:00Z", "2026-10-09T23:30:00Z", "2026-10-10T22:00:00Z", "2026-10-10T22:30:00Z",
    ]  # fmt: skip


def test_trap_7_issues_of_the_hour_that_comes_twice_are_two() -> None:
    head = "DATE_GMT,TIME_GMT,SETTLEMENT_DATE,SETTLEMENT_PERIOD,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY,Forecast_Datetime"
    rows = [f"2024-10-27T00:00:00Z,0{period // 2}:00:00,2024-10-27T00:00:00Z,{period},{wind},1,0,1,2024-10-27T01:12:00Z" for wind in (10, 20) for period in (10, 11)]
    found = records("embedded_forecast_archive", "\n".join([head, *rows, ""]).encode())
    assert [(r["@issue"], r["SETTLEMENT_PERIOD"], r["EMBEDDED_WIND_FORECAST"]) for r in sorted(found, key=lambda r: (r["@issue"], r["SETTLEMENT_PERIOD"]))] == [
        ("2024-10-27T00:12:00Z", "10", "10"), ("2024-10-27T00:12:00Z", "11", "10"), ("2024-10-27T01:12:00Z", "10", "20"), ("2024-10-27T01:12:00Z", "11", "20"),
    ]  # fmt: skip


@genuine
def test_trap_8_both_rows_of_the_hour_that_comes_twice_are_kept() -> None:
    found = [r for r in records("day_ahead_constraints", sample("day_ahead_constraint_flows_limits.csv")) if r["Constraint Group"] == "ERROEX"]
    assert [(r["@start"], r["Flow_MW"]) for r in found if r["@start"].startswith("2024")] == [("2024-10-27T00:00:00Z", "77"), ("2024-10-27T01:00:00Z", "83")]
    assert [r["@start"] for r in found if r["@start"] < "2024"] == ["2023-10-27T23:00:00Z", "2023-10-27T23:30:00Z", "2023-10-28T00:00:00Z"], "both spellings"


def test_a_time_that_uk_clocks_skip_is_told() -> None:
    body = b"Constraint Group,Date (GMT/BST),Limit (MW),Flow (MW)\nA,2024-03-31T00:30:00,1,1\nA,2024-03-31T01:30:00,1,1\nA,2024-03-31T02:00:00,1,1\n"
    found, reader = read("day_ahead_constraints", body)
    assert [record["@start"] for _, record in found] == ["2024-03-31T00:30:00Z", "2024-03-31T01:00:00Z"], "and renamed columns are the same ones"
    assert reader.strange == ["line 3: 2024-03-31 01:30:00 is skipped by UK clocks"]


def test_a_half_hour_that_cannot_be_is_left_out_and_told() -> None:
    """As periods 47 and 48 on a day of 46."""
    body = year_file(date(2022, 3, 27), count=1)
    found, reader = read("historic_demand", body)
    assert len(found) == 46
    assert reader.strange[0] == "line 48: settlement day 2022-03-27 has no period 47: it has 46"


FULL = (
    "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD,ENGLAND_WALES_DEMAND,EMBEDDED_WIND_GENERATION,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_GENERATION,"
    "EMBEDDED_SOLAR_CAPACITY,NON_BM_STOR,PUMP_STORAGE_PUMPING,IFA_FLOW,IFA2_FLOW,BRITNED_FLOW,MOYLE_FLOW,EAST_WEST_FLOW,NEMO_FLOW"
)


def year_file(first: date, count: int = 3, header: str = FULL, **more: Any) -> bytes:
    """A demand file of some days of 48 periods, values made up."""
    names, lines = header.split(","), [header]
    for offset in range(count):
        for period in range(1, 49):
            told = {"SETTLEMENT_DATE": f"{first + timedelta(offset)}", "SETTLEMENT_PERIOD": str(period)}
            lines.append(",".join(told.get(name) or str(more.get(name, 20_000 + 50 * offset + period)) for name in names))
    return "\n".join([*lines, ""]).encode()


@genuine
def test_trap_11_what_looks_like_a_number_stays_a_text_and_thousands_lose_their_commas() -> None:
    costs = {(r["Settlement Date"], r["Constraint Group"]): r["Daily Cost (GBP)"] for r in records("thermal_constraint_costs", sample("thermal_constraint_costs_2021-22.csv"))}
    assert costs["2021-04-04", "SSE-SP"] == "2150551"
    points = {r["CARDINALPOINT"] for r in records("day_ahead_demand_forecast_history", sample("day_ahead_demand_forecast_historic.csv"))}
    assert "03" in points
    assert {r["F_Point"] for r in records("day_ahead_demand_forecast_history", sample("day_ahead_demand_forecast_historic.csv"))} >= {"NA"}, "a name there"
    assert "000004" in {r["Component ID"] for r in records("capacity_market_components", sample("capacity_market_components.csv"))}
    types = {(k, c.source): c.type for k in ("day_ahead_demand_forecast", "capacity_market_components") for c in REGISTRY[k].columns}
    assert types["day_ahead_demand_forecast", "CARDINALPOINT"] == types["capacity_market_components", "Component ID"] == "STRING"


def test_trap_11_blanks_around_a_date_do_not_lose_the_day() -> None:
    body = b"Settlement Day,Settlement Period,Run Type\n2022-10-14T00:00:00 ,1,II\n2022-10-15T00:00:00,1,II\n"
    assert starts(records("bsuos", body)) == ["2022-10-13T23:00:00Z", "2022-10-14T23:00:00Z"]


@genuine
def test_trap_12_words_for_nothing_are_nothing() -> None:
    assert {r["Limit_MW"] for r in records("day_ahead_constraints", sample("day_ahead_constraint_flows_limits.csv")) if r["Constraint Group"] in ("SWALEX", "FLOWSTH")} == {None}
    early = records("historic_demand", sample("demanddata_2001.csv"))[0]
    assert early["TSD"] is None and early["NSL_FLOW"] is None
    # An empty row is an instant without a value, which its day then lacks; a zero of a cable says so in its column.
    empty = next(r for r in records("carbon_forecast_national", sample("national_carbon_intensity_forecast.csv")) if r["@start"] == "2020-06-10T08:30:00Z")
    assert empty["actual"] is None and REGISTRY["carbon_forecast_national"].values == ("actual",)
    assert [c.zero for c in REGISTRY["carbon_forecast_national"].checks if c.column == "actual"] == ["a glitch of the source, not clean power"]
    assert "before the cable was built" in next(c.meaning for c in REGISTRY["historic_demand"].columns if c.source == "NSL_FLOW")


def test_trailing_commas_and_empty_lines_are_no_rows() -> None:
    body = b"\xef\xbb\xbfSettlement Date , Settlement Period,Outturn Inertia,Market Provided\n Inertia,,\r\n"
    body = b"\xef\xbb\xbfSettlement Date , Settlement Period,Outturn Inertia,\"Market Provided\nInertia\",\r\n2026-04-01,1,193,174,\r\n,,,,\r\n\r\n"
    assert [r["Outturn Inertia"] for r in records("system_inertia", body)] == ["193"]


@genuine
@pytest.mark.parametrize(
    ("key", "body", "why"),
    [
        ("historic_demand", b"PK\x03\x04", "a ZIP came under the name of a CSV"),
        ("historic_demand", b"\r\n <!DOCTYPE html><html>", "a web page came and no CSV"),
        ("historic_demand", b'{"success":false}', "JSON came and no CSV"),
        ("historic_demand", b"", "it is empty"),
        ("historic_demand", "ND,TSD\n1,2\n".encode("utf-16"), r"in an encoding that this dataset does not come in \(NUL bytes\)"),
        ("historic_demand", f"{FULL}\n".encode(), "it has a header and no row"),
        ("historic_demand", year_file(date(2024, 2, 1))[:-40], r"it is cut in mid-row \(line 145\)"),
        ("historic_demand", f"{FULL}\n2024-02-01,1\n".encode() + year_file(date(2024, 2, 1)).partition(b"\n")[2], "line 2 has fewer cells than the header, and is not the last"),
        ("bsuos", "Settlement Day,Settlement Period,Run Type,BSUoS Tariff (£/MWh)\n2025-04-01,1,II,1\n".encode("cp1252"), "not in the encoding that this dataset comes in"),
    ],
)  # fmt: skip
def test_trap_14_what_is_no_whole_file_of_its_kind_is_told(key: str, body: bytes, why: str) -> None:
    with pytest.raises(Broken, match=why):
        records(key, body)


def test_trap_14_a_file_that_shrank_is_told_and_a_known_cut_is_taken() -> None:
    with pytest.raises(Broken, match="it has 144 rows where the version before had 200"):
        records("historic_demand", year_file(date(2024, 2, 1)), rows=200)
    assert len(records("historic_demand", year_file(date(2024, 2, 1)), rows=150)) == 144
    with pytest.raises(Broken, match="ends without a line end"):
        records("historic_demand", year_file(date(2024, 2, 1))[:-1], rows=145)
    assert len(records("historic_demand", year_file(date(2024, 2, 1))[:-40], is_cut=True)) == 143
    assert REGISTRY["embedded_forecast_archive"].files is not None and REGISTRY["embedded_forecast_archive"].files.cut == ("2019",)


def test_a_zip_is_read_where_it_is_expected() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("f 2019 1.csv", "dtm,f\n2019-01-01 00:00:00,50.001\n2019-01-01 00:00:01,50.002\n")
    assert [(r["@start"], r["f"]) for r in records("system_frequency", packed.getvalue())] == [("2019-01-01T00:00:00Z", "50.001"), ("2019-01-01T00:00:01Z", "50.002")]


def test_trap_14_pounds_of_another_encoding_are_found_where_that_is_known() -> None:
    head = "SETT_DATE,SETT_PERIOD,Energy Imbalance,Frequency Control,Positive Reserve,Negative Reserve,Constraints,Other"
    (found,) = records("balancing_costs", f"{head}\n2024-04-01,1,1,2,3,4,5,\N{NO-BREAK SPACE}6\n".encode("cp1252"))
    assert found["Other Costs"] == "6"


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (FULL + ",NEW_FLOW", "its header has an unknown column 'NEW_FLOW'"), (FULL.replace(",TSD", ""), "its header lacks TSD"),
        (FULL.replace("TSD", "ND"), "its header has 'ND' twice"),
    ],
)  # fmt: skip
def test_an_unknown_a_missing_or_a_doubled_column_stops_the_file_by_name(header: str, why: str) -> None:
    with pytest.raises(Unknown, match=why):
        records("historic_demand", year_file(date(2024, 2, 1), header=header))


@genuine
def test_n2ex_hours_are_of_utc() -> None:
    found = starts(records("n2ex_day_ahead_price", sample("n2ex_day_ahead_price.csv")))
    assert found[:3] == ["2021-09-20T22:00:00Z", "2021-09-20T23:00:00Z", "2021-09-21T00:00:00Z"], "23:00 has the UTC date"
    assert {"2024-03-31T00:00:00Z", "2024-03-31T02:00:00Z"} <= set(found), "24 hours also on the day of a clock change"


def test_blocks_of_an_auction_day_over_a_clock_change() -> None:
    """Blocks of UK clocks are told in UTC: that over the change is of three or five hours, and all lie in their days."""
    head = "auctionID,auctionProduct,serviceType,deliveryStart,deliveryEnd,clearedVolume,clearingPrice,linkedServiceWindowID"
    blocks = [("2025-03-29T23:00:00", "2025-03-30T02:00:00"), ("2025-03-30T02:00:00", "2025-03-30T06:00:00"), ("2025-10-25T22:00:00", "2025-10-26T03:00:00")]
    body = "\n".join([head, *(f"1,DCL,Response,{start},{end},100,2.5," for start, end in blocks), ""]).encode()
    found, _ = read("eac_results", body)
    assert [(day.isoformat(), r["@start"]) for day, r in found] == [("2025-03-29", "2025-03-29T23:00:00Z"), ("2025-03-30", "2025-03-30T02:00:00Z"), ("2025-10-25", "2025-10-25T22:00:00Z")]
    assert [datetime.fromisoformat(r["deliveryStart"] + "+00:00").astimezone(LONDON).hour for _, r in found] == [23, 3, 23]


@genuine
def test_trap_16_a_window_of_regions_drops_what_comes_before_it_and_keeps_all_eighteen() -> None:
    dataset = REGISTRY["carbon_regional"]
    body = (SAMPLES / "carbon_intensity/regional_fw24h_period_keyed.json").read_bytes()
    first = datetime(2026, 5, 6, tzinfo=UTC)
    answer = read_answer(question(dataset, first, first + timedelta(days=2)), body)
    lines = [json.loads(bytes(r)) for day in answer.days.values() for groups in day.groups.values() for group in groups for r in group.records]
    assert min(line["from"] for line in lines) == "2026-05-06T00:00Z", "the half hour before is not of the question"
    assert all([region["regionid"] for region in line["regions"]] == list(range(1, 19)) for line in lines)


@genuine
def test_genuine_answers_of_the_carbon_api_are_read_record_by_record() -> None:
    """Three days of the mix, whose first half hour is of the day before the question, and the factors as they were in 2023."""
    body = (SAMPLES / "carbon_intensity/generation_range_2026-06-26.json").read_bytes()
    served = json.loads(body)["data"]
    first = datetime(2026, 6, 26, tzinfo=UTC)
    answer = read_answer(question(REGISTRY["carbon_generation_mix"], first, first + timedelta(days=3)), body)
    found = [json.loads(bytes(r)) for day in answer.days.values() for groups in day.groups.values() for group in groups for r in group.records]
    assert len(served) == 145 and sorted(found, key=lambda r: r["from"]) == served[1:]
    factors = (SAMPLES / "carbon_intensity/avagm_neso_2023_factors.json").read_bytes()
    now = datetime(2026, 6, 26, tzinfo=LONDON).astimezone(UTC)
    answer = read_answer(question(REGISTRY["carbon_factors"], now, now + timedelta(days=1)), factors)
    assert answer.fields == REGISTRY["carbon_factors"].source_fields


def test_days_that_wait_on_disk_are_the_same_days(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large a file, memory holds a part of it."""
    dataset = REGISTRY["historic_demand"]
    assert dataset.files
    reader, body = FileReader(dataset, dataset.files, Told("data.csv", CAME)), io.BytesIO(year_file(date(2024, 2, 1), count=20))
    form = reader.judge(body)
    made = []
    for held, folder in ((32_000_000, tmp_path / "a"), (10_000, tmp_path / "b")):
        folder.mkdir()
        monkeypatch.setattr(csv_records, "_HELD", held)
        days = csv_records.Days(folder)
        days.add(reader.lines(body, form), lambda day: True)
        made.append({day: list(days.records(dataset, day).lines()) for day in days})
    assert made[0] == made[1] and len(made[0]) == 20
    assert not list((tmp_path / "a").iterdir()) and len(list((tmp_path / "b").iterdir())) == 20


# ------------------------------------------------------------------------------------------------------- which file
def put(name: str, number: int = 1) -> Resource:
    return Resource(f"00000000-0000-0000-0000-{number:012}", name, "/dataset/x/resource/y/download/z.csv", None, False)


def files_of(key: str) -> Files:
    files = REGISTRY[key].files
    assert files
    return files


def test_exactly_one_resource_fits_or_it_stops_by_name() -> None:
    files = files_of("generation_mix")
    (found,), alarms = resolve(files, [put("Historic GB Generation Mix"), put("Definition", 2)], date(2009, 1, 1), date(2026, 10, 8))
    assert (found.name, alarms) == ("Historic GB Generation Mix", [])
    with pytest.raises(Unresolved, match="no resource fits it: 'Generation mix'"):
        resolve(files, [put("Generation mix")], date(2009, 1, 1), date(2026, 10, 8))
    with pytest.raises(Unresolved, match="2 resources fit 2024: 'Historic Demand Data 2024'; 'Historic Demand Data 2024'"):
        resolve(files_of("historic_demand"), [put("Historic Demand Data 2024"), put("Historic Demand Data 2024", 2)], date(2024, 1, 1), date(2024, 6, 1))


def test_trap_18_a_new_year_is_found_by_itself_and_a_lost_one_is_told() -> None:
    years = [put(f"Historic Demand Data {year}", year) for year in range(2001, 2027)]
    begins, files = date(2001, 1, 1), files_of("historic_demand")
    found, alarms = resolve(files, years, begins, date(2027, 1, 20))
    assert ([one.period for one in found][-1], alarms) == ("2026", []), "that of January need not be there yet"
    assert resolve(files, years, begins, date(2027, 2, 20))[1] == ["the portal has no file from 2027-01-01 on (package historic-demand-data); its names may have changed"]
    found, alarms = resolve(files, [*years, put("Historic Demand Data 2027", 2027)], begins, date(2027, 1, 3))
    assert (found[-1].period, found[-1].first, alarms) == ("2027", date(2027, 1, 1), [])
    lost = [one for one in years if not one.name.endswith("2013")]
    assert resolve(files, lost, begins, date(2026, 10, 8))[1] == ["the portal has no file of 2013-01-01 to 2013-12-31 (package historic-demand-data)"]
    assert resolve(files, lost, begins, date(2013, 1, 1))[1] == ["the portal has no file of 2013-01-01 to 2013-01-01 (package historic-demand-data)"]


@pytest.mark.parametrize(
    ("key", "name", "period", "first", "end"),
    [
        ("system_inertia", "GB System Inertia - 2025-2026", "2025-26", "2025-04-01", "2026-04-01"),
        ("thermal_constraint_costs", "Thermal Constraint Costs Data 21-22", "2021-22", "2021-04-01", "2022-04-01"),
        ("wind_boa_volumes", "Wind BOA Volumes 2023/24", "2023-24", "2023-04-01", "2024-04-01"),
        ("eac_results_archive", "NESO Response-Reserve Results Summary FY2024 (Archive)", "2024-25", "2024-03-31", "2025-04-01"),
        ("system_frequency", "December 2014 - Historic Frequency Data", "2014-12", "2014-12-01", "2015-01-01"),
        ("embedded_forecast_archive", "Embedded Solar and Wind Forecast Archive 2026 (Jan- Jun)", "2026 Jan-Jun", "2026-01-01", "2026-07-01"),
        ("embedded_forecast_archive", "Embedded Solar and Wind Forecast Archive 2026 (Jun - Dec)", "2026 Jun-Dec", "2026-06-01", "2027-01-01"),
        ("embedded_forecast_archive", "Embedded Solar and Wind Forecast Archive 2025", "2025", "2025-01-01", "2026-01-01"),
        ("aggregated_bsad", "Aggregated BSAD 2013-14", "2013-14", "2013-04-01", "2014-04-01"),
        ("gtma_trades", "Historic GTMA Trades Data - Apr 2015 - March 2016", "2015-16", "2015-03-31", "2016-04-01"),
        ("gtma_trades", "Historic GTMA Trades FY 21-22", "2021-22", "2021-03-31", "2022-04-01"),
        ("skip_rates_in_merit", "Skip Rate - In Merit All Balancing Mechanism - December 2024", "2024-12", "2024-12-01", "2025-01-01"),
        ("eac_sell_orders_archive", "NESO Response-Reserve Sell Orders 202504 (Archive)", "2025-04", "2025-03-31", "2025-05-01"),
    ],
)  # fmt: skip
def test_a_period_is_told_by_the_name(key: str, name: str, period: str, first: str, end: str) -> None:
    (found,), _ = resolve(files_of(key), [put(name)], date.fromisoformat(first), date.fromisoformat(first))
    assert (found.period, found.first.isoformat(), found.end.isoformat()) == (period, first, end)


def test_a_pinned_resource_may_be_renamed() -> None:
    files = files_of("bsuos")
    old = put("Historic II BSUoS Data")._replace(id=files.pinned[0][1])
    found, alarms = resolve(files, [old._replace(name="renamed"), put("Historic II BSUoS Data 2023-2024")], date(2017, 4, 1), date(2024, 3, 1))
    assert (found[0].period, found[0].first, found[0].end) == ("2017-04..2023-04", date(2017, 4, 1), date(2023, 4, 1))
    assert alarms == [] and bounds("financial year", "2023-24") == (date(2023, 4, 1), date(2024, 4, 1))


def test_what_is_left_out_of_the_portal_is_taken_by_no_entry() -> None:
    """And a name that somebody asks for is answered with the reason."""
    for name, why in LEFT_OUT_OF_PORTAL.items():
        taken = [d.key for d in REGISTRY.values() if d.files and (d.files.package == name or re.fullmatch(d.files.resource, name))]
        assert why and not taken, (name, taken)
    with pytest.raises(argparse.ArgumentTypeError, match="'upcoming-trades' is not collected: is often without a row"):
        dataset_names("upcoming-trades")


def test_packages_that_several_sets_share_are_shared_out(standin: ApiStandin) -> None:
    """Of the made-up portal, which has the names of the true one, no file goes to two sets."""
    for package in {d.files.package for d in REGISTRY.values() if d.files}:
        resources = portal_of(standin).resources(package, Traffic())
        taken: dict[str, str] = {}
        for dataset in REGISTRY.values():
            if dataset.files and dataset.files.package == package:
                for one in resolve(dataset.files, resources, dataset.first_day, date(2026, 10, 8))[0]:
                    assert taken.setdefault(one.id, dataset.key) == dataset.key


# ----------------------------------------------------------------------------------------------------- the portal
@pytest.fixture
def standin() -> Iterator[ApiStandin]:
    with ApiStandin() as running:
        yield running
        assert running.errors == []


def portal_of(standin: ApiStandin, **more: Any) -> Portal:
    stop = Stop()
    return Portal(Api(standin.neso_url, cap=1_000.0, stop=stop, connections=2, timeout=10.0, attempts=2, redirects=NESO.redirects, slow=NESO.slow[0], slow_pace=Pace(1_000.0, 0, stop), blocks=True, **more))


def listed(standin: ApiStandin, rows: int = 70_000, **more: Any) -> Portal:
    body = "Date,Delivery Period,Price\n" + "".join(f"2024-01-01,00:00 - 01:00,{number}\n" for number in range(rows))
    standin.portal.put("prices", " A table ", body.encode(), table=True, **more)
    return portal_of(standin)


def test_trap_1_a_table_comes_whole_and_in_order_though_each_answer_is_cut(standin: ApiStandin) -> None:
    portal = listed(standin)
    (resource,) = portal.resources("prices", Traffic())
    assert resource.is_table and resource.modified is None and resource.name == "A table"
    pages = [rows for _, rows in portal.rows(resource, Traffic())]
    assert [len(rows) for rows in pages] == [PAGE, PAGE, 6_000]
    assert [row[2] for rows in pages for row in rows] == [str(number) for number in range(70_000)]


def test_trap_17_a_table_that_is_loaded_anew_while_it_is_read_is_not_taken(standin: ApiStandin) -> None:
    portal = listed(standin)
    (resource,) = portal.resources("prices", Traffic())
    pages = portal.rows(resource, Traffic())
    next(pages)
    listed(standin, 70_001)
    with pytest.raises(WrongAnswer, match="70,000 rows and then 70,001: it was loaded anew while it was read"):
        next(pages)


def reply(status: int, body: bytes, kind: str = "application/json") -> tuple[int, bytes, str, list[tuple[str, str]]]:
    return status, body, kind, []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE html><html>", "a web page"), (b"{}", "not with what was asked for"), (b'"Bad request"', "not with what was asked for"),
        (b'{"success":false,"error":{"__type":"Validation Error"}}', "Validation Error"), (b'{"success":true,"result":{}}', "without resources"), (b'{"success":tru', "no JSON"),
    ],
)  # fmt: skip
def test_trap_2_status_200_proves_nothing(standin: ApiStandin, body: bytes, why: str) -> None:
    standin.portal.fault("package_show", reply(200, body), times=9)
    with pytest.raises(WrongAnswer, match=why):
        portal_of(standin).resources("historic-demand-data", Traffic())


def test_a_package_that_is_not_there_is_told(standin: ApiStandin) -> None:
    with pytest.raises(Refused, match="status 404"):
        portal_of(standin).resources("no-such-package", Traffic())


@pytest.mark.parametrize(("status", "why"), [(429, "429, too many requests. It blocks who goes on"), (403, "refuses all requests")])
def test_the_first_refusal_is_the_last_request(standin: ApiStandin, status: int, why: str) -> None:
    portal = portal_of(standin)
    standin.portal.fault("package_show", reply(status, b"slow down"), times=1)
    for _ in range(2):
        with pytest.raises(Refused, match=why):
            portal.resources("historic-demand-data", Traffic())
    assert len(standin.requests) == 1


def test_an_outage_is_an_outage(standin: ApiStandin) -> None:
    standin.portal.fault("package_show", reply(503, b""), times=9)
    with pytest.raises(Unavailable):
        portal_of(standin).resources("historic-demand-data", Traffic())


def test_the_datastore_has_a_lane_of_its_own(standin: ApiStandin) -> None:
    """One request in 30 seconds there, one a second elsewhere; both are kept by the processes of a machine together."""
    assert (NESO.rate, NESO.slow[1]) == (1.0, 1 / 30)
    portal = listed(standin, 10)
    slow, quick = portal.api._slow_pace, portal.api.pace
    assert slow
    taken: list[str] = []
    slow.wait = lambda: taken.append("slow") or 0.0  # type: ignore[method-assign,func-returns-value]
    quick.wait = lambda: taken.append("quick") or 0.0  # type: ignore[method-assign,func-returns-value]
    (resource,) = portal.resources("prices", Traffic())
    list(portal.rows(resource, Traffic()))
    assert taken == ["quick", "slow"]
