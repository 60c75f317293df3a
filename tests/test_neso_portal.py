"""The data portal from end to end: files kept whole by version, days derived from them, tables, verification."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta, timezone
from typing import Any

from conftest import Place, Ran, content_of
from isal import igzip
from test_neso_files import reply, year_file

from datasets_config import REGISTRY

UTC = timezone.utc
PACKAGE, KEY = "historic-demand-data", "historic_demand"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
FEBRUARY = ("--datasets", KEY, "--start-date", "2024-02-01", "--end-date", "2024-02-03")


def publish(place: Place, body: bytes, year: int = 2024, modified: str = "2025-03-01T08:00:00.123456") -> str:
    return place.api.portal.put(PACKAGE, f"Historic Demand Data {year}", body, modified=modified, file=f"demanddata_{year}.csv").id


def download(place: Place, *which: str, now: datetime = NOW) -> Ran:
    return place.download(*(which or FEBRUARY), now=now)


def kept(place: Place, key: str = KEY) -> list[str]:
    return sorted(place.objects(f"raw/{key}/files/"))


def asked(place: Place) -> list[str]:
    """What was asked of the portal since the log was cleared, without names that change."""
    return [entry["path"].removeprefix("/neso").partition("/download/")[0].split("/resource/")[0].split("/store/")[0] for entry in place.requests("/neso/")]


def values(place: Place, key: str) -> list[dict[str, Any]]:
    return sorted(place.rows(key), key=str)


def test_a_file_is_kept_as_it_came_and_its_days_are_derived_from_it(place: Place) -> None:
    body = year_file(date(2024, 2, 1))
    resource = publish(place, body)
    download(place).ok()
    (name,) = kept(place)
    assert name.startswith(f"raw/{KEY}/files/{resource}/20261120T120000Z-{hashlib.sha256(body).hexdigest()[:12]}")
    stored = place.objects(f"raw/{KEY}/files/")[name]
    assert igzip.decompress(stored.download_as_bytes(raw_download=True)) == body
    told = stored.metadata
    assert (told["sha256"], told["source_name"], told["last_modified"]) == (hashlib.sha256(body).hexdigest(), "demanddata_2024.csv", "2025-03-01T08:00:00.123456+00:00")
    assert (told["rows"], told["encoding"], told["fetched_at"]) == ("144", "utf-8-sig", "2026-11-20T12:00:00Z")
    lines = [json.loads(line) for line in place.lines(KEY, "2024-02-02")]
    assert len(lines) == 48 and lines[0]["@start"] == "2024-02-02T00:00:00Z" and lines[0]["ND"] == "20051"

    # To the table, and judged whole.
    place.load(*FEBRUARY).ok()
    rows = place.rows(KEY)
    assert len(rows) == 144 and {row["nd"] for row in rows if row["settlement_date"] == date(2024, 2, 2)} == {20_050 + period for period in range(1, 49)}
    code, found = place.verification(*FEBRUARY, "--without-source", now=NOW)
    assert (code, found[KEY]["days_loaded"]) == (0, 3)

    # A run that finds nothing new asks for the names alone, and writes nothing.
    before = place.state(), {name: blob.metageneration for name, blob in place.objects("").items()}
    place.api.clear_log()
    ran = download(place).ok()
    assert asked(place) == ["/api/3/action/package_show"]
    assert (place.state(), {name: blob.metageneration for name, blob in place.objects("").items()}) == before
    assert ran.cell(KEY, "SETTLED") == "3"

    # What was derived can be derived again from the bucket alone, as after a kill.
    days = {day: content_of(place.blob(KEY, day)) for day in ("2024-02-01", "2024-02-02", "2024-02-03")}
    for day in days:
        place.blob(KEY, day).delete()
    place.api.clear_log()
    download(place).ok()
    assert asked(place) == ["/api/3/action/package_show"]
    assert {day: content_of(place.blob(KEY, day)) for day in days} == days

    # Published anew under another date and with one day changed: that day alone is replaced, and what it was is kept.
    changed = body.replace(b"2024-02-02,7,20057,", b"2024-02-02,7,30057,")
    publish(place, changed, modified="2025-04-08T19:55:41.954513")
    generations = {day: place.blob(KEY, day).generation for day in days}
    download(place, now=NOW + timedelta(hours=1)).ok()
    assert {day for day in days if place.blob(KEY, day).generation != generations[day]} == {"2024-02-02"}
    assert len(kept(place)) == 2 and len(place.objects("superseded/")) == 1
    place.load(*FEBRUARY).ok()
    assert 30_057 in {row["nd"] for row in place.rows(KEY, "2024-02-02")}


def test_what_is_no_such_file_is_told_and_replaces_nothing(place: Place) -> None:
    """Traps 2 and 14 through the program: each kind of bad file in turn, none of them kept but the one whose form is unknown."""
    good = year_file(date(2024, 2, 1))
    publish(place, good)
    download(place).ok()
    before = {name: blob.md5_hash for name, blob in place.objects("raw/").items()}
    for number, (body, why) in enumerate((
        (b"<html>Sorry</html>", "a web page came and no CSV; what is stored of it stays"), (b"PK\x03\x04zip", "a ZIP came under the name of a CSV"),
        (good[:-60], "it is cut in mid-row"), (year_file(date(2024, 2, 1), count=1), "it has 48 rows where the version before had 144; what is stored of it stays (--force takes it)"),
        (good.replace(b"ND", "N\N{POUND SIGN}".encode("cp1252"), 1), "it is not in the encoding that this dataset comes in"),
    )):  # fmt: skip
        publish(place, body, modified=f"2025-03-02T0{number}:00:00")
        ran = download(place, now=NOW + timedelta(minutes=number))
        assert ran.code == 1 and f"Historic Demand Data 2024 (demanddata_2024.csv): {why}" in ran.out + ran.err, ran
        assert {name: blob.md5_hash for name, blob in place.objects("raw/").items()} == before
    publish(place, good.replace(b"IFA2_FLOW", b"IFA3_FLOW", 1), modified="2025-03-03T00:00:00")
    ran = download(place, now=NOW + timedelta(hours=1))
    assert ran.code == 1 and "its header has an unknown column 'IFA3_FLOW'" in ran.out and "it is kept as it came, its days stay as they are" in ran.out
    assert len(kept(place)) == 2 and len(place.objects("raw/")) == len(before) + 1
    # The second time it is told again, without another request for it.
    place.api.clear_log()
    assert download(place, now=NOW + timedelta(hours=2)).code == 1 and asked(place) == ["/api/3/action/package_show"]
    # Mended, all is well again.
    publish(place, good.replace(b"2024-02-01,1,20001,", b"2024-02-01,1,20002,"), modified="2025-03-04T00:00:00")
    download(place, now=NOW + timedelta(hours=3)).ok()
    assert b'"ND":"20002"' in place.lines(KEY, "2024-02-01")[0]


def test_trap_18_the_next_year_and_trap_13_a_table_beside_a_file(place: Place) -> None:
    """The collector of December goes on in January by itself; a datastore that is behind its file is not asked."""
    publish(place, year_file(date(2024, 12, 30), count=2))
    which = ("--datasets", KEY, "--start-date", "2024-12-30", "--end-date", "2025-01-02")
    download(place, *which, now=datetime(2025, 1, 5, 12, tzinfo=UTC)).ok()
    ran = download(place, *which, now=datetime(2025, 4, 5, 12, tzinfo=UTC))
    assert ran.code == 0 or "2025" in ran.out
    publish(place, year_file(date(2025, 1, 1), count=2), year=2025)
    download(place, *which, now=datetime(2025, 4, 6, 12, tzinfo=UTC)).ok()
    assert len(place.lines(KEY, "2024-12-31")) == len(place.lines(KEY, "2025-01-01")) == 48
    assert not place.requests("datastore")


def test_a_file_that_is_ahead_of_its_delay_is_no_surplus(place: Place) -> None:
    """Historic demand is usually three weeks behind; that it is not so today is nothing to complain of."""
    publish(place, year_file(date(2026, 11, 14), count=3), year=2026)
    which = ("--datasets", KEY, "--start-date", "2026-11-14", "--end-date", "2026-11-16")
    download(place, *which).ok()
    place.load(*which).ok()
    code, found = place.verification(*which, "--without-source", now=NOW)
    assert (code, found[KEY]["days_expected"], found[KEY]["days_loaded"]) == (0, 3, 3)


def test_trap_10_a_file_of_another_year_fills_no_hole(place: Place) -> None:
    package = REGISTRY["bsuos"].files.package  # type: ignore[union-attr]
    body = "Settlement Day,Settlement Period,Run Type,BSUoS Tariff (£/MWh)\n" + "".join(f"2025-04-01T00:00:00,{period},II,10.74\n" for period in range(1, 49))
    place.api.portal.put(package, "Historic II BSUoS Data 2024-2025", body.encode(), file="a.csv")
    place.api.portal.put(package, "Historic II BSUoS Data 2025-2026", body.encode(), file="b.csv")
    ran = download(place, "--datasets", "bsuos", "--start-date", "2025-03-31", "--end-date", "2025-04-01")
    assert ran.code == 1
    assert "Historic II BSUoS Data 2024-2025 (a.csv) holds nothing of 2024-25, as which it is published: its 48 rows are of other days" in ran.out
    assert len(place.lines("bsuos", "2025-04-01")) == 48, "from the file that is of that year"
    assert sorted(place.objects("raw/bsuos/2025/03/")) == []


def embedded(issue: int) -> bytes:
    head = "DATE_GMT,TIME_GMT,SETTLEMENT_DATE,SETTLEMENT_PERIOD,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY"
    rows = [f"2026-11-21T00:00:00,{period // 2:02}:{30 * (period % 2):02},2026-11-21T00:00:00,{period},{1000 * issue + period},6417,0,23301" for period in range(1, 48)]
    return "\n".join([head, *rows, ""]).encode()


def test_trap_9_every_issue_of_a_live_forecast_is_kept(place: Place) -> None:
    package, name = "embedded-wind-and-solar-forecasts", "Embedded Solar and Wind Forecast"
    which = ("--datasets", "embedded_forecasts", "--start-date", "2026-11-20")
    for number, hour in enumerate((9, 10, 11)):
        file = f"20261120{hour:02}25_embedded_forecast.csv"
        place.api.portal.put(package, name, embedded(number), modified=f"2026-11-20T{hour:02}:25:03.877", file=file)
        for _ in range(2):  # the second run finds nothing new
            download(place, *which, now=datetime(2026, 11, 20, hour, 40, tzinfo=UTC)).ok()
        assert len(place.lines("embedded_forecasts", "2026-11-20")) == 47 * (number + 1)
    assert len(kept(place, "embedded_forecasts")) == 3
    day = content_of(place.blob("embedded_forecasts", "2026-11-20"))
    place.blob("embedded_forecasts", "2026-11-20").delete()
    for blob in place.objects("raw/embedded_forecasts/files/").values():
        blob.metadata = {**blob.metadata, "derived": ""}
        blob.patch()
    download(place, *which, now=datetime(2026, 11, 20, 11, 50, tzinfo=UTC)).ok()
    assert content_of(place.blob("embedded_forecasts", "2026-11-20")) == day, "the same out of the stored files alone"
    place.load(*which).ok()
    found = {(row["issue_time"].hour, row["start_time"].hour, row["embedded_wind_forecast"]) for row in place.rows("embedded_forecasts") if row["settlement_period_label"] == 39}
    assert found == {(9, 19, 39), (10, 19, 1_039), (11, 19, 2_039)}
    code, told = place.verification(*which, "--without-source", now=datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    assert (code, told["embedded_forecasts"]["rows_loaded"]) == (0, 141)


def test_trap_9_a_register_is_stored_when_it_changed_and_not_otherwise(place: Place) -> None:
    package, name = "interconnector-register", "Interconnector Register"
    body = b"\xef\xbb\xbf" + (
        b"Project Name,Customer Name,Connection Site,Stage,MW Import - Current,MW Export - Current,MW Import - Increase / Decrease,"
        b"MW Export - Increase / Decrease,MW Import - Total,MW Export - Total,MW Effective From,Project Status,HOST TO,Project Number,Gate\n"
        b"A,X,S,1.00,1,2,3,4,5,6,2022-04-01,Built,SPT,PRO-1,\nA,X,S,1.00,1,2,3,4,5,6,2022-04-01,Built,SPT,PRO-1,\nB,X,S,,1,2,3,4,5,6,,Built,SPT,PRO-2,1\n"
    )
    identity_of = REGISTRY["interconnector_register"].files.pinned[0][1]  # type: ignore[union-attr]
    which = ("--datasets", "interconnector_register")

    def look(body: bytes, day: int, modified: int) -> None:
        place.api.portal.put(package, name, body, id=identity_of, modified=f"2026-11-{modified}T08:00:00", file=f"register-{modified}.csv")
        download(place, *which, now=datetime(2026, 11, day, 12, tzinfo=UTC)).ok()

    look(body, 10, 10)
    look(body, 11, 10)
    look(body, 12, 12)  # published anew, as it was
    assert len(kept(place, "interconnector_register")) == 1 and len(place.objects("raw/interconnector_register/2026/")) == 1
    look(body.replace(b"PRO-2", b"PRO-3"), 13, 13)
    assert len(place.objects("raw/interconnector_register/2026/")) == 2
    place.load(*which).ok()
    rows = place.rows("interconnector_register")
    assert sorted((row["snapshot_date"].day, row["project_number"], row["ordinal"]) for row in rows) == [
        (10, "PRO-1", 1), (10, "PRO-1", 2), (10, "PRO-2", 1), (13, "PRO-1", 1), (13, "PRO-1", 2), (13, "PRO-3", 1),
    ]  # fmt: skip
    assert {row["mw_effective_from"] for row in rows} == {date(2022, 4, 1), None}


def test_trap_9_a_table_that_begins_anew_in_april_loses_nothing(place: Place) -> None:
    """And trap 1: it has no file, and comes by pages."""
    package, name = "eac-auction-results", "NESO Response-Reserve Results Summary"
    head = "auctionID,auctionProduct,serviceType,deliveryStart,deliveryEnd,clearedVolume,clearingPrice,linkedServiceWindowID\n"
    pinned = REGISTRY["eac_results"].files.pinned[0][1]  # type: ignore[union-attr]

    def look(first: date, days: int, now: datetime) -> None:
        rows = [f"{(first + timedelta(n)).toordinal()},DC{p},Response,{first + timedelta(n)}T{h:02}:00:00,{first + timedelta(n)}T{h:02}:59:00,10,1.5,\n" for n in range(days) for h in (2, 6, 10) for p in "HL"]
        place.api.portal.put(package, name, (head + "".join(rows)).encode(), id=pinned, table=True)
        download(place, "--datasets", "eac_results", "--start-date", "2026-12-01", now=now).ok()

    look(date(2026, 12, 1), 40, datetime(2027, 1, 10, 12, tzinfo=UTC))
    look(date(2027, 4, 1), 2, datetime(2027, 4, 3, 12, tzinfo=UTC))
    assert len(place.lines("eac_results", "2026-12-01")) == len(place.lines("eac_results", "2027-04-02")) == 6
    assert len(kept(place, "eac_results")) == 2


def test_a_table_of_a_closed_year_is_read_once_and_that_of_a_running_one_again(place: Place) -> None:
    """The datastore has a page in half a minute: eight years of tables each day would take hours."""
    head = "Datetime,Date,Settlement_Period,Generator_Name,Generator_Full_Name,Region,Capacity,Wind_Forecast,Timestamp\n"
    for year in (2024, 2025):
        body = head + f"{year}-06-01T00:00:00,{year}-06-01,3,U-1,A farm,WALES,18.0,1.8,{year}-05-31T09:00:00\n"
        place.api.portal.put("day-ahead-wind-forecast", f"Historic Day Ahead Wind BMU Forecasts {year}", body.encode(), table=True)
    which = ("--datasets", "day_ahead_wind_forecast_units_history", "--start-date", "2024-06-01", "--end-date", "2025-06-01")
    asked = []
    for now in (datetime(2025, 12, 1, 12, tzinfo=UTC), datetime(2025, 12, 2, 13, tzinfo=UTC), datetime(2026, 12, 20, 12, tzinfo=UTC)):
        place.api.clear_log()
        download(place, *which, now=now)
        asked.append(len(place.requests("datastore_search")))
    assert asked == [2, 1, 2]
    assert place.lines("day_ahead_wind_forecast_units_history", "2024-06-01")


def test_trap_15_a_reissue_without_a_version_is_a_version_here(place: Place) -> None:
    package, head = "constraint-breakdown", (
        "Date,Reducing largest loss cost,Increasing system inertia cost,Voltage constraints cost,Thermal constraints cost,Reducing largest loss volume,"
        "Increasing system inertia volume,Voltage constraints volume,Thermal constraints volume\n"
    )  # fmt: skip
    which = ("--datasets", "constraint_breakdown", "--start-date", "2025-04-01", "--end-date", "2025-04-10")
    for number, cost in enumerate((100, 200)):
        rows = "".join(f"2025-04-{day:02},0,0,0,{cost if day == 5 else 1},0,0,0,-1\n" for day in range(1, 11) if day != 8)
        place.api.portal.put(package, "Constraint Breakdown 2025-2026", (head + rows).encode(), modified=f"2026-0{number + 1}-01T00:00:00")
        download(place, *which, now=NOW + timedelta(hours=number)).ok()
    assert len(kept(place, "constraint_breakdown")) == 2 and len(place.objects("superseded/")) == 1
    place.load(*which).ok()
    assert {row["date"].day: row["thermal_constraints_cost"] for row in place.rows("constraint_breakdown")} == {day: 200 if day == 5 else 1 for day in range(1, 11) if day != 8}
    _, found = place.verification(*which, "--without-source", now=NOW)
    assert found["constraint_breakdown"]["days_loaded"] == 10
    assert [day for day, state, *_ in found["constraint_breakdown"]["days"] if state == "empty at source"] == ["2025-04-08"]


def test_files_that_overlap_make_their_days_together(place: Place) -> None:
    """An archive of half a year ends in the middle of a day on which the next one begins."""
    package = "embedded-wind-and-solar-forecasts"
    head = "DATE_GMT,TIME_GMT,SETTLEMENT_DATE,SETTLEMENT_PERIOD,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY,Forecast_Datetime"
    for name, hours in (("2026 (Jan- Jun)", (9, 10)), ("2026 (Jun - Dec)", (11, 12))):
        rows = [f"2026-06-13T00:00:00,00:30,2026-06-13T00:00:00,3,{hour},1,0,1,2026-06-12T{hour:02}:12:00" for hour in hours]
        place.api.portal.put(package, f"Embedded Solar and Wind Forecast Archive {name}", "\n".join([head, *rows, ""]).encode(), file="a.csv")
    which = ("--datasets", "embedded_forecast_archive", "--start-date", "2026-06-12", "--end-date", "2026-06-12")
    download(place, *which).ok()
    assert [json.loads(line)["@issue"][11:13] for line in place.lines("embedded_forecast_archive", "2026-06-12")] == ["08", "09", "10", "11"]
    before = place.state()
    download(place, *which).ok()
    assert place.state() == before
    shown = download(place, *which, "--dry-run").ok()
    assert shown.cell("embedded_forecast_archive", "REQUESTS") == "0"


def test_a_refusal_ends_the_run_with_a_clear_word(place: Place) -> None:
    publish(place, year_file(date(2024, 2, 1)))
    place.api.portal.fault("/download/", reply(429, b""), times=1)
    ran = download(place)
    assert ran.code == 1 and "429, too many requests. It blocks who goes on, so nothing more is asked" in ran.out
    assert len(place.requests("/neso/")) == 2
    download(place).ok()
