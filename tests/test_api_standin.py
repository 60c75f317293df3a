"""The stand-in against the recorded facts: what it serves, what it refuses, what it can be made to do."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import contextlib

import api_standin as standin
from api_standin import ApiStandin

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT.parent / "shared" / "samples"
SPECIFICATION = ROOT.parent / "shared" / "facts" / "elexon-openapi.json"
CSV = SAMPLES / "generation_outturn" / "gb-grid-margin_fuelhh_2022.csv"
SCRIPT = Path(standin.__file__)
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url: str, **query: Any) -> tuple[int, bytes]:
    """(status, body) of one request; keyword names with a trailing underscore lose it (`from_`)."""
    words = [(name.rstrip("_"), value) for name, value in query.items()]
    full = url + ("?" + urlencode(words, doseq=True) if words else "")
    try:
        with OPENER.open(urllib.request.Request(full), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def rows(url: str, **query: Any) -> list[dict[str, Any]]:
    status, body = get(url, **query)
    assert status == 200, body
    found = json.loads(body)
    return found if isinstance(found, list) else found["data"]


def error_texts(answer: tuple[int, bytes]) -> list[str]:
    status, body = answer
    assert status == 400
    problem = json.loads(body)
    assert problem["title"] == "One or more validation errors occurred." and problem["status"] == 400
    return problem["errors"].get("", [])  # type: ignore[no-any-return]


@pytest.fixture
def api() -> Iterator[ApiStandin]:
    with ApiStandin(now="2026-11-01T12:34:00Z", gaps=False) as running:
        yield running
        assert running.errors == []


# ------------------------------------------------------------------------------------------------------ calendar


def test_calendar_agrees_with_the_time_zone_database() -> None:
    london = ZoneInfo("Europe/London")
    for year in range(2015, 2031):
        for day in (date(year, 1, 1) + timedelta(n) for n in range(366)):
            number = standin.as_day(day)
            assert standin.day_start(number) == datetime(day.year, day.month, day.day, tzinfo=london).timestamp()
            assert all(standin.settlement(start)[0] == number for start in standin.half_hours(number)[::45])
    lengths = Counter(len(standin.half_hours(standin.parse_day("2024-01-01") + n)) for n in range(366))
    assert lengths == {48: 364, 46: 1, 50: 1}


@pytest.mark.parametrize(("day", "periods"), [("2024-03-31", 46), ("2024-10-27", 50), ("2024-07-01", 48)])
def test_every_half_hourly_set_has_the_periods_of_the_day(api: ApiStandin, day: str, periods: int) -> None:
    each = {"FUELHH": 20, "DEMAND": 1, "MID": 2, "NETBSAD": 1, "CARBON": 1, "B1610": 12}
    assert {code: len(api.expected(code, day)) for code in each} == {c: n * periods for c, n in each.items()}
    assert len(api.expected("FREQ", day)) == periods * 120
    assert len(api.expected("FUELINST", day)) == periods * 6 * 20
    assert (
        rows(api.elexon_url + "/demand/outturn/stream", settlementDateFrom=day, settlementDateTo=day)[0][
            "settlementPeriod"
        ]
        == periods
    )


# ------------------------------------------------------------------------------------------ windows and their traps


def test_bounds_are_inclusive(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets"
    day = {"measurementDateTimeFrom": "2024-01-05T00:00Z", "measurementDateTimeTo": "2024-01-06T00:00Z"}
    assert len(rows(url + "/FREQ/stream", **day)) == 5_761
    window = {"publishDateTimeFrom": "2024-06-05T00:00Z", "publishDateTimeTo": "2024-06-05T00:30Z"}
    assert len(rows(url + "/FUELINST/stream", **window)) == 7 * 20
    hour = rows(url + "/B1610/stream", from_="2026-08-01T00:00Z", to="2026-08-01T01:00Z", bmUnit="T_MUP00000-1")
    assert [row["settlementPeriod"] for row in hour] == [3, 4, 5]
    assert hour[0]["halfHourEndTime"] == "2026-08-01T00:30:00" and hour[0]["settlementRunType"] in (
        "SF",
        "R1",
    )


def test_unknown_parameters_are_ignored_and_the_latest_comes_back(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets"
    wrong = {"from_": "2016-01-01T00:00Z", "to": "2016-01-02T00:00Z"}
    latest = rows(url + "/FREQ/stream", **wrong)
    assert len(latest) == 5_761 and latest[0]["measurementTime"] == "2026-11-01T12:33:00Z"
    assert {row["publishTime"] for row in rows(url + "/WINDFOR/stream", **wrong)} == {"2026-11-01T11:30:00Z"}
    assert len(rows(url + "/FUELHH", **wrong)) == 20
    assert len(rows(api.elexon_url + "/demand/outturn", settlementDate="2023-01-01")) == 1


def test_base_endpoints_are_capped_and_streams_are_not(api: ApiStandin) -> None:
    url = api.elexon_url
    assert error_texts(
        get(url + "/datasets/FUELHH", settlementDateFrom="2024-01-01", settlementDateTo="2024-01-08")
    ) == ["The date range between SettlementDateFrom and SettlementDateTo inclusive must not exceed 7 days"]
    for path, words in {
        "/datasets/FREQ": {
            "measurementDateTimeFrom": "2024-01-01T00:00Z",
            "measurementDateTimeTo": "2024-01-02T00:01Z",
        },
        "/datasets/BOALF": {"from_": "2024-01-01T00:00Z", "to": "2024-01-02T00:01Z"},
        "/datasets/MID": {"from_": "2024-01-01T00:00Z", "to": "2024-01-08T00:30Z"},
        "/demand/outturn": {"settlementDateFrom": "2024-01-01", "settlementDateTo": "2024-01-08"},
        "/data-status/BOALF": {"settlementDateFrom": "2024-01-01", "settlementDateTo": "2024-02-01"},
    }.items():
        assert "must not exceed" in error_texts(get(url + path, **words))[0], path
    year = {"from_": "2025-01-01", "to": "2026-01-01", "dataProviders": "APXMIDP"}
    assert len(rows(url + "/datasets/MID/stream", **year)) == 17_521
    api.set(stream_caps={"MID": timedelta(days=1)})
    assert "1 day" in error_texts(get(url + "/datasets/MID/stream", **year))[0]


def test_refusals(api: ApiStandin) -> None:
    url = api.elexon_url
    for code in ("BOALF", "B1610", "MID", "NETBSAD", "DISBSAD"):
        assert get(f"{url}/datasets/{code}/stream", from_="2024-01-01")[0] == 400
    assert error_texts(get(url + "/datasets/MID/stream", from_="2024-01-02", to="2024-01-01")) == [
        "The From field must not be later than the To field"
    ]
    for bad in ("2024-13-01", "yesterday", "2024-01-01T00:00", "2024-01-01T00:00 01:00"):
        assert get(url + "/datasets/MID/stream", from_=bad, to="2024-01-02")[0] == 400, bad
    both = {"publishDateTimeFrom": "2024-01-01", "settlementDateFrom": "2024-01-01"}
    assert get(url + "/datasets/FUELHH/stream", **both)[0] == 400
    period = {"from_": "2024-01-01", "to": "2024-01-01", "settlementPeriodFrom": 51}
    assert get(url + "/datasets/MID/stream", **period)[0] == 400
    for path in ("/balancing/bid-offer-acceptances", "/frequency/measurements", "/datasets/CARBONGRID"):
        assert get(url + path)[0] == 404


def test_settlement_periods_turn_times_into_dates_except_on_b1610(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets"
    words = {
        "from_": "2024-10-27T11:00Z",
        "to": "2024-10-27T11:11Z",
        "settlementPeriodFrom": 1,
        "settlementPeriodTo": 50,
    }
    assert len(rows(url + "/NETBSAD/stream", **words)) == 50
    served = rows(url + "/BOALF/stream", **words)
    assert len(served) == len(api.expected("BOALF", "2024-10-27"))
    words = {"from_": "2024-01-05T01:00Z", "to": "2024-01-05T01:30Z", "settlementPeriodFrom": 1}
    assert len(rows(url + "/B1610/stream", **words)) == 2 * 12


def test_shapes_and_order(api: ApiStandin) -> None:
    url = api.elexon_url
    window = {"from_": "2024-06-05T00:00Z", "to": "2024-06-05T03:00Z"}
    assert json.loads(get(url + "/datasets/MID", **window)[1]).keys() == {"data"}
    days = {"settlementDateFrom": "2024-06-05", "settlementDateTo": "2024-06-05"}
    assert json.loads(get(url + "/demand/outturn", **days)[1]).keys() == {"metadata", "data"}
    assert get(url + "/datasets/FUELHH", settlementDateFrom="2015-06-05", settlementDateTo="2015-06-05")[1] == (
        b'{"data":[]}'
    )
    newest_first = [row["startTime"] for row in rows(url + "/datasets/MID/stream", **window)]
    assert newest_first == sorted(newest_first, reverse=True)
    oldest_first = [row["halfHourEndTime"] for row in rows(url + "/datasets/B1610/stream", **window)]
    assert oldest_first == sorted(oldest_first)
    plain = get(url + "/datasets/BOALF/stream", **window)[1]
    api.set(shuffle=True)
    mixed = get(url + "/datasets/BOALF/stream", **window)[1]
    assert plain != mixed and sorted(map(str, json.loads(plain))) == sorted(map(str, json.loads(mixed)))


# ------------------------------------------------------------------------------------------------ dataset by dataset


def test_fuelhh_label_defect(api: ApiStandin) -> None:
    def asked(first: str, last: str) -> list[dict[str, Any]]:
        url = api.elexon_url + "/datasets/FUELHH/stream"
        return rows(url, settlementDateFrom=first, settlementDateTo=last, fuelType="WIND")

    day = asked("2022-03-28", "2022-03-28")  # the day after the spring change: two different half hours labelled 46
    assert [row["startTime"] for row in day if row["settlementPeriod"] == 46] == [
        "2022-03-28T21:30:00Z",
        "2022-03-27T22:30:00Z",
    ]
    assert "2022-03-28T22:30:00Z" not in {row["startTime"] for row in day}
    after = asked("2022-07-16", "2022-07-16")
    assert {row["startTime"] for row in after} == {
        standin.iso(start) for start in standin.half_hours(standin.parse_day("2022-07-16"))
    }
    assert asked("2016-01-01", "2016-01-01")[-1]["startTime"] == "2016-01-01T00:00:00Z"
    labels = [
        standin.fuelhh_label(standin.day_start(day + 1) - 1_800)[0] == day
        for day in range(standin.parse_day("2021-02-15"), standin.parse_day("2021-09-28"))
    ]
    assert sum(labels) == 100


def test_fuels_appear_on_their_first_day(api: ApiStandin) -> None:
    def fuels(day: str) -> set[str]:
        return {json.loads(row)["fuelType"] for row in api.expected("FUELHH", day)}

    assert len(fuels("2016-01-01")) == 13 and len(fuels("2024-03-19")) == 20
    assert fuels("2017-11-01") - fuels("2017-10-31") == {"BIOMASS"}
    assert api.expected("FUELINST", "2018-12-31") == [] != api.expected("FUELINST", "2019-01-01")
    assert api.expected("DEMAND", "2016-02-29") == [] != api.expected("DEMAND", "2016-03-01")


def test_windfor_vintages(api: ApiStandin) -> None:
    def issues(day: str) -> Counter[str]:
        return Counter(json.loads(row)["publishTime"] for row in api.expected("WINDFOR", day))

    assert set(issues("2019-01-05").values()) == {49} and len(issues("2019-01-05")) == 4
    assert sum(issues("2026-01-05").values()) == 584 and "2026-01-05T02:30:00Z" in issues("2026-01-05")
    summer = issues("2026-06-05")  # 23:30Z lies in the next GB day
    assert "2026-06-04T23:30:00Z" in summer and "2026-06-05T23:30:00Z" not in summer and len(summer) == 8


def test_b1610_numbers_lag_and_runs(api: ApiStandin) -> None:
    bodies = b"".join(api.expected("B1610", "2026-01-05"))
    quantities = [part.split(b"}")[0] for part in bodies.split(b'"quantity":')[1:]]
    assert all(len(text.split(b".")[1]) == 3 for text in quantities) and b"0.000" in quantities
    assert any(text.startswith(b"-") for text in quantities) and any(text.endswith(b"0") for text in quantities)
    assert api.expected("B1610", "2026-10-26") == [] != api.expected("B1610", "2026-10-23")
    before = api.expected("B1610", "2026-10-20")
    api.set(now="2026-11-20T12:00Z")
    after = api.expected("B1610", "2026-10-20")
    assert json.loads(before[0])["settlementRunType"] == "II" and json.loads(after[0])["settlementRunType"] == "SF"
    assert [json.loads(row)["quantity"] for row in before] != [json.loads(row)["quantity"] for row in after]


def test_other_sets(api: ApiStandin) -> None:
    mid = [json.loads(row) for row in api.expected("MID", "2024-06-05")]
    assert {row["price"] for row in mid if row["dataProvider"] == "N2EXMIDP"} == {0.0}
    assert all(b":0.0" in row for row in api.expected("NETBSAD", "2024-06-05"))
    disbsad = [json.loads(row) for day in range(1, 8) for row in api.expected("DISBSAD", f"2024-06-{day:02d}")]
    assert 1_500 < len(disbsad) < 4_000
    assert any(row["id"] == 1 and row["service"] is None and row["volume"] == 0 for row in disbsad)
    boalf = [json.loads(row) for row in api.expected("BOALF", "2024-06-05")]
    keys = {(row["nationalGridBmUnit"], row["acceptanceNumber"], row["timeFrom"]) for row in boalf}
    assert 200 < len(boalf) == len(keys)
    assert any(row["settlementPeriodFrom"] == 48 and row["settlementPeriodTo"] == 1 for row in boalf)
    counts = [len(api.expected("SYSWARN", f"2024-06-{day:02d}")) for day in range(1, 31)]
    assert 0 in counts and sum(counts) > 5
    texts = [
        json.loads(row)["warningText"] for day in range(1, 31) for row in api.expected("SYSWARN", f"2024-06-{day:02d}")
    ]
    assert all("\r\\n" in text for text in texts)
    status = rows(api.elexon_url + "/data-status/FREQ", settlementDateFrom="2026-06-01", settlementDateTo="2026-06-01")
    assert status[0] == {"settlementDate": "2026-06-01", "settlementPeriod": 3, "dataPointCount": 120}
    assert {row["dataset"] for row in rows(api.elexon_url + "/datasets/metadata/latest")} <= set(standin.SPECS)


def test_carbon(api: ApiStandin) -> None:
    url = api.carbon_url + "/intensity"
    assert len(rows(url + "/2026-08-01T00:00Z/2026-08-08T00:00Z")) == 337
    outturn = rows(url + "/2026-08-01T00:00Z/2026-08-01T03:00Z")
    assert len(outturn) == 7 and outturn[0]["from"] == "2026-07-31T23:30Z"
    assert len(rows(url + "/2026-08-01T00:10Z/2026-08-03T00:10Z")) == 96
    assert rows(url + "/2024-12-30/2025-01-02")[-1]["to"] == "2025-01-01T00:00Z"
    assert len(rows(url + "/date/2024-10-27")) == 50
    assert len(rows(url + "/2024-03-01/2024-04-01")) == 31 * 48 + 1
    for bad in (
        "/2024-03-01/2024-04-02",
        "/2024-03-02/2024-03-01",
        "/x/y",
        "/2024-03-01T00:00:00Z/2024-03-02",
    ):
        status, body = get(url + bad)
        assert status == 400 and json.loads(body)["error"]["code"] == "400 Bad Request"
    assert api.expected("CARBON", "2017-09-18") == [] != api.expected("CARBON", "2017-09-19")
    ahead = rows(url + "/2026-11-01T00:00Z/2026-11-05T00:00Z")
    assert ahead[-1]["intensity"]["actual"] is None and ahead[1]["intensity"]["actual"] is not None
    api.set(gaps=True)
    assert api.expected("CARBON", "2023-10-21") == [] and len(api.expected("CARBON", "2021-04-19")) == 49


def test_made_up_values_are_stable_and_differ_by_day() -> None:
    one, other = ApiStandin(now="2026-11-01T00:00Z"), ApiStandin(now="2026-11-01T00:00Z")
    for code in standin.SPECS:
        days = [b"".join(one.expected(code, f"2026-0{month}-1{day}")) for month in (1, 6) for day in (1, 2, 3, 4)]
        values = [body for body in days if body]
        assert len(set(values)) == len(values)
        assert days[0] == b"".join(other.expected(code, "2026-01-11")), code


def test_thinning_keeps_the_shape_of_the_calendar() -> None:
    api = ApiStandin(now="2026-11-01T00:00Z", scale=0.02, gaps=False)
    assert len(api.expected("FUELHH", "2024-03-31")) == 46 * 2
    assert len(api.expected("FREQ", "2024-10-27")) == 50 * 2
    assert len(api.expected("B1610", "2024-10-27")) == 50 * 2
    assert 0 < len(api.expected("WINDFOR", "2024-10-27")) < 60


# ------------------------------------------------------------------------------------------- changes and recorded data


def test_changes_to_a_day(api: ApiStandin) -> None:
    url, day = api.elexon_url + "/datasets", "2024-06-05"

    def served(code: str, name: str, /, **arguments: Any) -> list[dict[str, Any]]:
        api.unchange()
        api.change(code, day, name, **arguments)
        if code == "MID":
            return rows(url + "/MID/stream", from_="2024-06-04T23:00Z", to="2024-06-05T22:59Z")
        return rows(
            url + "/FUELHH/stream",
            publishDateTimeFrom="2024-06-04T23:30Z",
            publishDateTimeTo="2024-06-05T23:00Z",
        )

    plain = served("MID", "drop_records", rows=0)
    assert len(plain) == 96
    assert [row["price"] for row in served("MID", "revision")] == pytest.approx([row["price"] + 1 for row in plain])
    assert all(row["extra"] == 7 for row in served("MID", "add_field", name="extra", value=7))
    assert {row["price"] for row in served("MID", "type_change")} == {"n/a"}
    assert served("MID", "drop_day") == [] == api.expected("MID", day)
    assert len(served("MID", "drop_records", rows=3)) == 93
    assert len(served("MID", "duplicate", rows=2)) == 98 and len(api.expected("MID", day)) == 96
    assert len(served("MID", "conflict")) == 97 == len(api.expected("MID", day))
    assert min(row["startTime"] for row in served("MID", "extra_outside")) < "2020-06-06"
    assert sum("startTime" not in row for row in served("MID", "no_instant")) == 1
    assert len(api.expected("MID", day)) == 96
    again = served("generation_outturn", "republish", rows=20)
    assert Counter((row["startTime"], row["fuelType"]) for row in again).most_common(1)[0][1] == 2
    assert {row["generation"] for row in served("FUELHH", "type_change", value=12.5)} == {12.5}
    with pytest.raises(ValueError, match="unknown change"):
        api.change("MID", day, "explode")


def test_recorded_rows_are_served_byte_for_byte(api: ApiStandin) -> None:
    row = b'{"dataset":"FREQ", "measurementTime":"2024-06-05T00:00:00Z","frequency":50.000,"x":"\\ud83d\\u0000"}'
    api.replace_days({("frequency", "2024-06-05"): [row, b'{"frequency":1}']})
    words = {"measurementDateTimeFrom": "2024-06-04T23:00Z", "measurementDateTimeTo": "2024-06-05T22:59:59Z"}
    assert row in get(api.elexon_url + "/datasets/FREQ/stream", **words)[1]
    assert api.expected("FREQ", "2024-06-05") == [row] and len(api.expected("FREQ", "2024-06-06")) == 5_760
    api.load_rows("MID", [{"dataset": "MID", "startTime": "2024-06-05T00:00:00Z", "dataProvider": "APXMIDP"}])
    year = {"from_": "2024-01-01", "to": "2024-12-31"}
    assert len(rows(api.elexon_url + "/datasets/MID/stream", **year)) == 1


@pytest.mark.skipif(not CSV.exists(), reason="the recorded year is not beside the project")
def test_replay_of_a_recorded_year(api: ApiStandin) -> None:
    api.load_csv(CSV)
    words = {"settlementDateFrom": "2022-01-01", "settlementDateTo": "2022-12-31"}
    fuel = rows(api.elexon_url + "/datasets/FUELHH/stream", **words)
    lines = CSV.read_text().splitlines()
    assert len({row["startTime"] for row in fuel}) == len(lines) - 1 == 17_502
    assert sum(row["generation"] for row in fuel if row["fuelType"] == "WIND") == sum(
        int(line.split(",")[lines[0].split(",").index("WIND")] or 0) for line in lines[1:]
    )
    assert json.loads(api.expected("FUELHH", "2021-12-31")[0])["settlementDate"] == "2022-01-01"
    demand = {row["startTime"]: row for row in rows(api.elexon_url + "/demand/outturn/stream", **words)}
    # the CSV's row (2022-01-01, 48) begins 2021-12-31T23:30Z for the fuels; its demand is of the label's half hour
    assert demand["2022-01-01T23:30:00Z"]["initialDemandOutturn"] == 20_399
    assert min(demand) == "2022-01-01T00:00:00Z"


@pytest.mark.skipif(not SAMPLES.exists(), reason="no genuine samples beside the project")
@pytest.mark.parametrize(
    ("code", "sample"),
    [
        ("BOALF", "bid_offer_acceptances/boalf_stream.json"),
        ("FUELHH", "generation_outturn/fuelhh_excerpt.json"),
        ("FREQ", "frequency/freq_excerpt.json"),
        ("FUELINST", "fuel_instructions/fuelinst_excerpt.json"),
        ("B1610", "individual_generation/b1610_stream.json"),
        ("MID", "market_index/mid_excerpt.json"),
        ("WINDFOR", "wind_forecasts/windfor_excerpt.json"),
        ("NETBSAD", "balancing_services/netbsad_excerpt.json"),
        ("DISBSAD", "balancing_services/disbsad_excerpt.json"),
        ("CARBON", "carbon_intensity/intensity_date_2026-08-06.json"),
    ],
)
def test_rows_have_the_fields_of_genuine_ones_and_genuine_ones_replay(api: ApiStandin, code: str, sample: str) -> None:
    body = (SAMPLES / sample).read_bytes()
    genuine = [json.loads(row) for row in standin.split_records(body)]
    made_up = json.loads(api.expected(code, "2026-05-06")[0])
    assert list(made_up) == list(genuine[0])
    if code == "CARBON":
        assert list(made_up["intensity"]) == list(genuine[0]["intensity"])
    api.load_json(code, body)
    days = range(standin.parse_day("2026-05-01"), standin.parse_day("2026-10-31"))
    assert sum(len(api.expected(code, day)) for day in days) == len(genuine)


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the OpenAPI file is not beside the project")
def test_paths_and_parameters_are_in_the_specification() -> None:
    paths = json.loads(SPECIFICATION.read_text())["paths"]
    for code, spec in standin.SPECS.items():
        if code == "CARBON":
            continue
        path = "/demand/outturn/stream" if code == "DEMAND" else f"/datasets/{code}/stream"
        known = {parameter["name"] for parameter in paths[path]["get"]["parameters"]}
        wanted = {word for kind in spec.wants.split("|") for word in standin.WORDS[kind]}
        assert wanted | {word for word, _ in spec.filters} <= known, code
    assert all(f"/data-status/{code}" in paths for code in standin.DATA_STATUS_CODES)


# ------------------------------------------------------------------------------------------------- transport and faults


WINDOW = "/datasets/MID/stream?from=2024-06-05T00:00Z&to=2024-06-06T00:00Z"


def raw_answer(api: ApiStandin, path: str = WINDOW) -> tuple[bytes, dict[str, str], bytes, str]:
    """(status line, headers, all bytes that came, how it ended) of one request that takes gzip."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=5) as connection:
        connection.sendall(
            f"GET /bmrs/api/v1{path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n".encode()
        )
        data, end = b"", "closed"
        try:
            while piece := connection.recv(1 << 20):
                data += piece
        except ConnectionResetError:
            end = "reset"
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    return status.encode(), dict(line.split(": ", 1) for line in lines), body, end


@pytest.mark.parametrize("name", standin.FAULTS)
def test_each_fault(name: str) -> None:
    options: dict[str, Any] = {
        "hang_seconds": 0.2,
        "trickle_seconds": 0.3,
        "trickle_delay": 0.01,
        "bomb_bytes": 32 << 20,
    }
    with ApiStandin(faults=[name], fault_rate=1, max_in_a_row=1, gaps=False, **options) as api:
        status, headers, body, end = raw_answer(api)
        assert api.requests[-1]["fault"] == name
        length = int(headers.get("Content-Length", -1))
        if name[:3].isdigit():
            assert name[:3].encode() in status and ("Retry-After" in headers) == ("_" in name)
        elif name in ("reset", "close", "refused", "hang"):
            assert status == b"" and (end == "reset") == (name == "reset")
            if name == "refused":
                with pytest.raises(ConnectionRefusedError):
                    raw_answer(api)
                time.sleep(0.5)
        elif name in ("short_body", "trickle"):
            assert 0 < len(body) < length
        elif name == "cut_gzip":
            assert len(body) == length
            with pytest.raises(EOFError):
                gzip.decompress(body)
        elif name == "bomb":
            assert len(body) < 1 << 20 and len(gzip.decompress(body)) == (32 << 20) + 2
        elif name == "redirect":
            assert b"302" in status and f"localhost:{api.port}/__trap" in headers["Location"]
        elif name in ("no_instant", "outside", "empty_list"):
            served = json.loads(gzip.decompress(body))
            assert len(served) == (0 if name == "empty_list" else 99)
        else:
            assert b"200" in status
            with pytest.raises((ValueError, AssertionError)):
                assert isinstance(json.loads(body), list)
        _, _, body, _ = raw_answer(api)  # one failure in a row is the limit here: now it is answered
        assert len(json.loads(gzip.decompress(body))) == 98
        assert api.errors == []


def test_faults_are_dealt_by_seed_and_bounded(api: ApiStandin) -> None:
    def night(seed: int) -> list[str]:
        api.set(faults="500,502,429", fault_rate=0.5, seed=seed)
        api.clear_log()
        for day in range(1, 21):
            for _ in range(4):
                get(
                    api.elexon_url + "/datasets/MID/stream",
                    from_=f"2024-06-{day:02d}",
                    to=f"2024-06-{day:02d}",
                )
        return [entry["fault"] for entry in api.requests]

    first = night(1)
    assert first == night(1) != night(2)
    assert 20 < sum(map(bool, first)) < 60
    api.set(faults="all,-bomb,-hang,-trickle,-refused,-redirect", fault_rate=1, max_in_a_row=3)
    for day in range(1, 6):
        words = {"from_": f"2024-05-{day:02d}", "to": f"2024-05-{day:02d}"}
        api.clear_log()
        for _ in range(4):
            with contextlib.suppress(OSError, http.client.HTTPException):
                get(api.elexon_url + "/datasets/MID/stream", **words)
        assert [bool(entry["fault"]) for entry in api.requests] == [True, True, True, False]


def test_a_day_is_hidden_once_only(api: ApiStandin) -> None:
    api.set(faults=["empty_list"], fault_rate=1)
    url = api.elexon_url + "/datasets/MID/stream"
    assert rows(url, from_="2024-06-05", to="2024-06-08") == []
    assert len(rows(url, from_="2024-06-06T00:00Z", to="2024-06-06T12:00Z")) == 50


def test_gzip_keep_alive_log_and_secrets(api: ApiStandin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", api.port)
    for _ in range(3):
        connection.request("GET", "/bmrs/api/v1" + WINDOW, headers={"Accept-Encoding": "gzip", "X-Api-Key": "s3cret"})
        answer = connection.getresponse()
        body = answer.read()
        assert answer.headers["Content-Encoding"] == "gzip" and answer.headers["Cache-Control"] == "no-store"
        assert len(json.loads(zlib.decompress(body, 31))) == 98
    assert api.connections == 1 and len(api.requests) == 3
    entry = api.requests[0]
    assert entry["api_key"] and "s3cret" not in json.dumps(api.requests) and entry["rows"] == 98
    api.set(gzip=False)
    connection.request("GET", "/bmrs/api/v1" + WINDOW, headers={"Accept-Encoding": "gzip"})
    assert connection.getresponse().headers["Content-Encoding"] is None
    assert not api.requests[-1]["api_key"]


def test_rate_limit_latency_and_down(api: ApiStandin) -> None:
    api.set(rate_limit=2)
    statuses = [get(api.elexon_url + WINDOW)[0] for _ in range(6)]
    assert statuses[0] == 200 and 429 in statuses
    api.set(rate_limit=0, latency=0.2)
    started = time.monotonic()
    assert get(api.elexon_url + WINDOW)[0] == 200 and time.monotonic() - started > 0.2
    api.set(latency=0, down=["carbon_intensity"])
    assert get(api.elexon_url + WINDOW)[0] == 200 and get(api.carbon_url + "/intensity/2024-01-01/2024-01-02")[0] == 503
    api.set(down=True)
    assert get(api.elexon_url + WINDOW)[0] == 503


def test_refused_connections_come_back(api: ApiStandin) -> None:
    api.refuse(0.3)
    with pytest.raises(urllib.error.URLError):
        get(api.elexon_url + WINDOW)
    time.sleep(0.6)
    assert get(api.elexon_url + WINDOW)[0] == 200


def test_control_over_http(api: ApiStandin) -> None:
    def post(order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        request = urllib.request.Request(api.base + "/__control", json.dumps(order).encode())
        try:
            with OPENER.open(request) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    order = {"change": [{"code": "MID", "day": "2024-06-05", "change": "add_field", "name": "x", "value": 1}]}
    status, told = post({**order, "expected": [{"code": "MID", "day": "2024-06-05"}]})
    assert status == 200 and '"x":1' in told["expected"][0][0]
    assert post({"set": {"down": True}})[0] == 200 and get(api.elexon_url + WINDOW)[0] == 503
    assert post({"set": {"downn": True}})[0] == 400 and post({"exploed": 1})[0] == 400
    log = json.loads(get(api.base + "/__log")[1])
    assert log["requests"][-1]["status"] == 503 and log["connections"] > 0


def test_real_sized_b1610_day_is_made_fast() -> None:
    api = ApiStandin(now=datetime.now(timezone.utc).timestamp(), b1610_units=9_177)
    words = {"from": ["2025-06-01T23:00Z"], "to": ["2025-06-02T22:30Z"]}
    started = time.monotonic()
    body, count = api.bodies.make(api.source.elexon("/datasets/B1610/stream", words), squeeze=False)
    assert count == 440_496 and 95e6 < len(body) < 110e6 and time.monotonic() - started < 10


# -------------------------------------------------------------------------------------------------------- command line


def test_run_sets_both_urls_and_returns_the_exit_code() -> None:
    program = (
        "import json, os, sys, urllib.request as r\n"
        "u = os.environ['ELEXON_BASE_URL'] + '/datasets/FUELHH'\n"
        "assert json.load(r.urlopen(u))['data'] and os.environ['CARBON_INTENSITY_BASE_URL']\n"
        "sys.exit(7)"
    )
    command = [sys.executable, str(SCRIPT), "run", "--seed", "1", "--", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 7 and "MADE UP" in done.stderr, done.stderr


def test_serve_prints_exports_and_stops() -> None:
    command = [sys.executable, str(SCRIPT), "serve", "--scale", "0.1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(3)]
        assert [line.split("=")[0] for line in lines] == [
            "export ELEXON_BASE_URL",
            "export CARBON_INTENSITY_BASE_URL",
            "export NESO_PORTAL_BASE_URL",
        ]
        assert get(lines[0].split("=")[1] + "/datasets/metadata/latest")[0] == 200
        process.terminate()
        assert process.wait(10) == 143


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["run"],
        ["serve", "--", "x"],
        ["serve", "--faults", "explode"],
        ["serve", "--scale", "2"],
        ["serve", "--port", "99999"],
        ["serve", "--now", "soon"],
        ["run", "--", "/no/such/command"],
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(words: list[str]) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, timeout=30)
    complaint = [line for line in done.stderr.splitlines() if "MADE UP" not in line]
    assert done.returncode == 2 and len(complaint) == 1 and complaint[0].startswith("api_standin.py: ")
