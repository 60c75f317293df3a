"""The sets that the stand-in makes by schema: each shape of request, and each trap that is known of the real ones."""

from __future__ import annotations

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_standin import (
    DATA_STATUS_CODES,
    SCHEMAS,
    WORDS,
    ApiStandin,
    as_day,
    day_start,
    day_text,
    iso,
    parse_instant,
    settlement,
    split_records,
)
from test_api_standin import error_texts, get, rows

ROOT = Path(__file__).resolve().parent.parent
SPECIFICATION = ROOT.parent / "shared" / "facts" / "elexon-openapi.json"
NOW = "2026-11-01T12:34:00Z"
SAMPLES = ROOT.parent / "shared" / "samples" / "other_elexon"
SETTLEMENT = "/balancing/settlement"
IN_PATH = [code for code, schema in SCHEMAS.items() if "{" in schema.path]


@pytest.fixture
def api() -> Iterator[ApiStandin]:
    with ApiStandin(now=NOW, gaps=False, units=5) as running:
        yield running
        assert running.errors == []


def a_day(api: ApiStandin, code: str) -> str:
    """The newest settlement day with records that all are published and settled."""
    for day in range(as_day("2026-10-20"), as_day("2022-12-01"), -1):
        if api.source.day(code, day):
            return day_text(day)
    raise AssertionError(f"{code} has no day")


def path_of(code: str, day: str, side: str = "bid", period: int = 3) -> str:
    return SCHEMAS[code].path.format(date=day, side=side, period=period)


# ------------------------------------------------------------------------------------------------------ every set


@pytest.mark.parametrize("code", SCHEMAS)
def test_every_set_answers_with_its_records_and_keeps_them(api: ApiStandin, code: str) -> None:
    schema = SCHEMAS[code]
    day = a_day(api, code)
    expected = api.expected(code, day)
    assert expected and expected == ApiStandin(now=NOW, gaps=False, units=5).expected(code, day)
    if schema.fields:
        names = [name.rstrip("?") for name in schema.fields.split()]
        allowed = ["dataset", *names] if schema.label else names
        for row in map(json.loads, expected):
            assert list(row) == (allowed if not schema.absent_nulls else [name for name in allowed if name in row])
            for name, nullable in ((field.rstrip("?"), field.endswith("?")) for field in schema.fields.split()):
                assert nullable or row[name] is not None, name
    if schema.fields and not schema.snapshot:
        other = ApiStandin(now=NOW, gaps=False, units=5, data_seed=1).expected(code, day)
        assert other != expected, "another seed makes other values"


@pytest.mark.skipif(not SPECIFICATION.exists(), reason="the OpenAPI file is not beside the project")
@pytest.mark.parametrize("code", SCHEMAS)
def test_every_set_is_in_the_specification(code: str) -> None:
    document = json.loads(SPECIFICATION.read_text())
    named = {"date": "settlementDate", "side": "bidOffer", "period": "settlementPeriod"}
    schema = SCHEMAS[code]
    path = re.sub(r"\{(\w+)\}", lambda found: "{" + named[found[1]] + "}", schema.path)
    assert (path + "/stream" in document["paths"]) == schema.stream
    assert (path + "/{settlementPeriod}" in document["paths"]) == schema.or_period

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            node = document["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]]
        return node

    asked = document["paths"][path + "/stream" * schema.stream]["get"]
    parameters = {one["name"]: one.get("required", False) for one in asked.get("parameters", [])}
    assert {word for word, _ in schema.filters} <= parameters.keys()
    if code not in IN_PATH and not schema.snapshot:
        windows = {word for kind in schema.wants.split("|") for word in WORDS[kind]}
        assert windows <= parameters.keys()
        assert all(parameters[word] for word in windows) == (schema.missing == 404)
    answer = resolved(next(iter(asked["responses"]["200"]["content"].values()))["schema"])
    assert (answer["type"] == "array") == (schema.bare or schema.stream)
    item = answer if answer["type"] == "array" else resolved(answer["properties"].get("data", answer))
    item = resolved(item["items"]) if item.get("type") == "array" else item
    names = [name.rstrip("?") for name in schema.fields.split()]
    assert sorted(item.get("properties", {})) == sorted(["dataset", *names] if schema.label else names)


@pytest.mark.skipif(not SAMPLES.exists(), reason="no genuine samples beside the project")
@pytest.mark.parametrize(
    ("code", "sample"),
    [
        ("AGPT", "agpt_excerpt"), ("AGWS", "agws_excerpt"), ("ATL", "atl_excerpt"), ("BMUNITS", "bmunits_all_varieties_excerpt"),
        ("FOU2T14D", "fou2t14d_excerpt"), ("IMBALNGC", "imbalngc_excerpt"), ("INDDEM", "inddem_excerpt"), ("INDGEN", "indgen_excerpt"),
        ("INDOD", "indod"), ("LOLPDRM", "lolpdrm_excerpt"), ("MARKETDEPTH", "market_depth_excerpt"), ("MELNGC", "melngc_excerpt"),
        ("MELS", "mels_stream"), ("MILS", "mils_stream"), ("NDF", "ndf_truncated"), ("NDFD", "ndfd_excerpt"), ("PN", "pn_stream"),
        ("PERTYPE", "generation_actual_per_type_excerpt"), ("QPN", "qpn_stream"), ("SOSO", "soso_excerpt"), ("TEMP", "temp"),
        ("DISEBSP", "system_prices_2025-10-26_50_periods"), ("TSDF", "tsdf_excerpt"), ("UOU2T14D", "uou2t14d_excerpt"),
    ],
)  # fmt: skip
def test_rows_are_like_genuine_ones_and_genuine_ones_replay(api: ApiStandin, code: str, sample: str) -> None:
    body = (SAMPLES / f"{sample}.json").read_bytes()
    genuine = [json.loads(row) for row in split_records(body)]
    made = [json.loads(row) for row in api.expected(code, a_day(api, code))]
    assert {tuple(row) for row in made} == {tuple(genuine[0])}
    for name in genuine[0]:
        kinds = {float if isinstance(row[name], int) else type(row[name]) for row in genuine if row[name] is not None}
        ours = {float if isinstance(row[name], int) else type(row[name]) for row in made if row[name] is not None}
        assert not kinds or not ours or kinds == ours, name
    if not SCHEMAS[code].snapshot:
        api.load_json(code, body)
        days = range(as_day("2023-12-31"), as_day("2026-11-01"))
        assert sum(len(api.expected(code, day)) for day in days) == len(set(split_records(body)))


def test_all_codes_of_the_source_are_served(api: ApiStandin) -> None:
    others = {"BOALF", "FUELHH", "SYSWARN", "FREQ", "FUELINST", "B1610", "MID", "WINDFOR", "NETBSAD", "DISBSAD"}
    assert len(others | {code for code, schema in SCHEMAS.items() if schema.path.startswith("/datasets/")}) == 82
    for path in ("/datasets/BOAL", "/datasets/NOSUCH/stream", SETTLEMENT + "/system-prices", "/reference/nothing/all"):
        assert get(api.elexon_url + path)[0] == 404


# ------------------------------------------------------------------------------------------- windows of publication


def test_a_required_parameter_that_is_missing_or_misnamed_is_404(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets"
    for code in ("AGPT", "AGWS", "ATL", "SOSO", "LOLPDRM", "REMIT"):
        assert get(f"{url}/{code}/stream", from_="2026-06-05", to="2026-06-06")[0] == 404
    assert get(url + "/BOD/stream", settlementDate="2026-06-05")[0] == 404
    assert get(url + "/PN", settlementDate="2026-06-05")[0] == 404
    full = {"settlementDateFrom": "2026-06-05", "settlementPeriodFrom": 1, "settlementDateTo": "2026-06-05"}
    assert get(url + "/TUDM/stream", **full)[0] == 404
    assert get(api.elexon_url + "/demand/peak/indicative", from_="2026-06-05", to="2026-06-05")[0] == 404


def test_an_optional_parameter_that_is_misnamed_brings_the_latest(api: ApiStandin) -> None:
    wrong = {"from_": "2026-06-05", "to": "2026-06-06"}
    for code in ("NDF", "TSDF", "IMBALNGC", "UOU2T14D"):
        found = rows(f"{api.elexon_url}/datasets/{code}/stream", **wrong)
        assert len({row["publishTime"] for row in found}) == 1 and found[0]["publishTime"] > "2026-11-01T12:00", code
    assert len(rows(api.elexon_url + "/datasets/TEMP", **wrong)) == 31


def test_windows_of_publication_are_inclusive_and_newest_first(api: ApiStandin) -> None:
    window = {"publishDateTimeFrom": "2026-06-05T10:17Z", "publishDateTimeTo": "2026-06-05T10:47Z"}
    found = rows(api.elexon_url + "/datasets/NDF/stream", **window)
    stamps = list(dict.fromkeys(row["publishTime"] for row in found))
    assert stamps == ["2026-06-05T10:47:00Z", "2026-06-05T10:17:00Z"]
    day = [json.loads(row) for row in api.expected("NDF", "2026-06-05")]
    assert len({row["publishTime"] for row in day}) == 48 and 2_500 < len(day) < 3_500
    assert {len(api.expected("AGPT", d)) for d in ("2026-03-29", "2026-10-25", "2026-06-05")} == {506, 550, 528}


@pytest.mark.parametrize(
    ("code", "hours"), [("UOU2T14D", 4), ("LOLPDRM", 12), ("REMIT", 24), ("SOSO", 24), ("AGPT", 96), ("CBS", 24)]
)
def test_bases_are_capped_and_streams_are_not(api: ApiStandin, code: str, hours: int) -> None:
    url = f"{api.elexon_url}/datasets/{code}"
    end = day_start(as_day("2026-06-05")) + hours * 3_600
    inside = {"publishDateTimeFrom": "2026-06-04T23:00Z", "publishDateTimeTo": iso(end)}
    beyond = {**inside, "publishDateTimeTo": iso(end + 60)}
    assert get(url, **inside)[0] == 200
    assert "must not exceed" in error_texts(get(url, **beyond))[0]
    assert get(url + "/stream", **beyond)[0] == 200


def test_five_sets_have_no_stream_and_answer_in_an_envelope(api: ApiStandin) -> None:
    window = {"publishDateTimeFrom": "2026-06-05T10:00Z", "publishDateTimeTo": "2026-06-05T10:00Z"}
    for code in ("FOU2T14D", "FOU2T3YW", "NOU2T14D", "NOU2T3YW", "TEMP"):
        url = f"{api.elexon_url}/datasets/{code}"
        assert get(url + "/stream", **window)[0] == 404
        assert json.loads(get(url, **window)[1]).keys() == {"data"}
    found = rows(api.elexon_url + "/datasets/FOU2T14D", **window)
    assert len(found) == 19 * 13 and {row["forecastDateTimezone"] for row in found} == {"Europe/London"}
    assert {row["fuelType"] for row in rows(api.elexon_url + "/datasets/FOU2T14D", **window, fuelType="WIND")} == {"WIND"}


def test_availability_per_unit_wants_both_bounds_or_neither(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets/UOU2T14D/stream"
    assert get(url, publishDateTimeFrom="2026-06-05T10:00Z")[0] == 400
    found = rows(url, publishDateTimeFrom="2026-06-05T10:00Z", publishDateTimeTo="2026-06-05T10:59Z")
    assert len(found) == 5 * 13 and None in {row["bmUnit"] for row in found}
    assert None not in {row["nationalGridBmUnit"] for row in found}


def test_boundaries_overlap_and_one_can_be_picked(api: ApiStandin) -> None:
    window = {"publishDateTimeFrom": "2026-06-05T10:17Z", "publishDateTimeTo": "2026-06-05T10:17Z"}
    for code, value in (("TSDF", "demand"), ("INDGEN", "generation"), ("INDDEM", "demand"), ("MELNGC", "margin")):
        url = f"{api.elexon_url}/datasets/{code}/stream"
        everything, nation = rows(url, **window), rows(url, **window, boundary="N")
        assert {row["boundary"] for row in everything} == {"N", "B1"} and {row["boundary"] for row in nation} == {"N"}
        assert len(everything) == 2 * len(nation)
        if code == "INDDEM":
            assert all(row[value] < 0 for row in everything)


def test_quirks_of_single_fields(api: ApiStandin) -> None:
    def day(code: str) -> list[dict[str, Any]]:
        return [json.loads(row) for row in api.expected(code, "2026-06-05")]

    assert {row["dataset"] for row in day("LOLPDRM")} == {"LOLPDM"}
    assert all(not row["endTime"].endswith("Z") and row["startTime"].endswith("Z") for row in day("SOSO"))
    assert all(not row["submissionDateTime"].endswith("Z") for row in day("RZDF"))
    profiles = [row.get("outageProfile") for row in day("REMIT")]
    assert None in profiles and any(isinstance(profile, list) for profile in profiles)
    assert any("affectedArea" not in row for row in day("REMIT"))
    sentinels = {row["offer"] for row in day("BOD")} | {row["bid"] for row in day("BOD")}
    assert {9999.0, -9999.0} <= sentinels
    assert {row["pairId"] for row in day("BOD")} == {-1, 1}
    assert {row["processType"] for row in day("DGWS")} == {"Day ahead", "Intraday process", "Intraday total"}


def test_some_sets_are_published_rarely_or_once(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets/IGCPU/stream"
    assert rows(url, publishDateTimeFrom="2023-01-01T00:01Z", publishDateTimeTo="2024-01-01T00:00Z") == []
    assert len(rows(url, publishDateTimeFrom="2022-12-31", publishDateTimeTo="2023-01-01")) == 5
    weeks = [day for day in range(1, 31) if api.expected("NDFW", f"2026-09-{day:02d}")]
    outturn = [json.loads(row) for day in ("2026-01-06", "2026-06-06") for row in api.expected("INDOD", day)]
    assert [row["settlementDate"] for row in outturn] == ["2026-01-06", "2026-06-05"], "23:15Z is the next day in summer"
    assert weeks == [3, 10, 17, 24] and len(api.expected("NDFW", "2026-09-03")) == 51


def test_series_begin_on_their_first_day(api: ApiStandin) -> None:
    for code, first in (("AGWS", "2021-08-31"), ("BOD", "2020-01-01"), ("S0621", "2025-03-01")):
        assert api.expected(code, as_day(first) - 1) == [] != api.expected(code, first), code


def test_the_source_has_holes_where_it_is_known_to_have_them() -> None:
    with ApiStandin(now=NOW, units=5) as api:
        month = sum(len(api.expected("ATL", f"2026-06-{day:02d}")) for day in range(1, 31))
        assert 0.5 < month / (30 * 48) < 0.7
        lost = {json.loads(row)["settlementPeriod"] for row in api.expected("BOAV", "2025-10-14")}
        assert {20, 21} & lost == set() and len(lost) == 46


# -------------------------------------------------------------------------------------------------- from and to


@pytest.mark.parametrize("code", ["PN", "QPN"])
def test_notifications_bring_the_periods_that_touch_a_window(api: ApiStandin, code: str) -> None:
    url = f"{api.elexon_url}/datasets/{code}"
    hour = rows(url + "/stream", from_="2026-06-05T10:00Z", to="2026-06-05T11:00Z")
    starts = sorted({row["timeFrom"] for row in hour if row["timeFrom"][14:16] in ("00", "30")})
    assert starts == [f"2026-06-05T{clock}:00Z" for clock in ("09:30", "10:00", "10:30", "11:00")]
    assert len(rows(url, settlementDate="2026-06-05", settlementPeriod=3)) >= 5
    day = [json.loads(row) for row in api.expected(code, "2026-06-05")]
    ends = {(row["nationalGridBmUnit"], row["timeTo"]) for row in day}
    assert len(ends) == len(day) > 5 * 48, "segments tile the day, some half hours in two"
    unit = rows(url + "/stream", from_="2026-06-05T10:00Z", to="2026-06-05T10:01Z", bmUnit="T_MUP0000-1")
    assert unit and {row["bmUnit"] for row in unit} == {"T_MUP0000-1"}


@pytest.mark.parametrize("code", ["MELS", "MILS"])
def test_limits_bring_what_overlaps_and_are_declared_anew(code: str) -> None:
    with ApiStandin(now="2026-06-05T12:00Z", gaps=False, units=5) as api:
        url = f"{api.elexon_url}/datasets/{code}"
        half = rows(url + "/stream", from_="2026-06-05T10:00Z", to="2026-06-05T10:30Z")
        assert {row["timeFrom"][11:16] for row in half} == {"10:00", "10:30"}
        within = rows(url + "/stream", from_="2026-06-05T10:10Z", to="2026-06-05T10:20Z")
        assert {row["timeFrom"][11:16] for row in within} == {"10:00"}
        assert "must not exceed" in error_texts(get(url, from_="2026-06-05T10:00Z", to="2026-06-05T11:01Z"))[0]
        before = {json.loads(row)["notificationSequence"] for row in api.expected(code, "2026-06-05")}
        api.set(now="2026-06-08T12:00Z")
        after = [json.loads(row) for row in api.expected(code, "2026-06-05")]
        assert len(after) == 5 * 48 and before.isdisjoint(row["notificationSequence"] for row in after)


def test_changes_of_dynamic_data_are_few_and_some_windows_optional(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets"
    counts = [len(api.expected("MZT", f"2026-06-{day:02d}")) for day in range(1, 31)]
    assert 0 in counts and max(counts) <= 45
    assert get(url + "/NDZ/stream")[0] == 404
    day = {"from_": "2026-10-31T12:34Z", "to": "2026-11-01T12:34Z"}
    for code in ("SEL", "SIL"):
        assert rows(f"{url}/{code}/stream") == rows(f"{url}/{code}/stream", **day)
    assert any(rows(f"{url}/{code}/stream", **day) for code in ("SEL", "SIL"))


def test_a_dead_set_answers_every_later_window_with_its_last_record(api: ApiStandin) -> None:
    url = api.elexon_url + "/datasets/NONBM/stream"
    windows: tuple[dict[str, str], ...] = ({"from_": "2026-05-01", "to": "2026-05-02"}, {"from_": "2026-08-01", "to": "2026-08-09"}, {})
    bodies = {get(url, **window)[1] for window in windows}
    assert len(bodies) == 1 and b'"publishTime":"2026-04-01T10:04:00Z"' in bodies.pop()
    assert len(rows(url, from_="2026-03-05T00:00Z", to="2026-03-05T01:00Z")) == 2


# -------------------------------------------------------------------------------------------- other names of the window


def test_other_names_of_the_window(api: ApiStandin) -> None:
    url = api.elexon_url
    ends = {"settlementDateFrom": "2026-06-05", "settlementPeriodFrom": 47, "settlementDateTo": "2026-06-06", "settlementPeriodTo": 2}
    found = rows(url + "/datasets/TUDM/stream", **ends)
    assert sorted({(row["settlementDate"], row["settlementPeriod"]) for row in found}) == [
        ("2026-06-05", 47), ("2026-06-05", 48), ("2026-06-06", 1), ("2026-06-06", 2),
    ]  # fmt: skip
    day = {"submissionDateTimeFrom": "2026-06-05", "submissionDateTimeTo": "2026-06-06"}
    assert len(rows(url + "/datasets/RZDF/stream", **day, region="Wales")) == 7
    dates = {"fromDate": "2026-06-05", "toDate": "2026-06-06"}
    assert {row["settlementDate"] for row in rows(url + "/lss/load-shape-period/stream", **dates)} == {"2026-06-05", "2026-06-06"}
    flows = rows(url + "/generation/outturn/interconnectors", settlementDateFrom="2026-10-25", settlementDateTo="2026-10-25")
    assert len(flows) == 50 * 10 and "France(IFA)" in {row["interconnectorName"] for row in flows}


# ------------------------------------------------------------------------------------------------ the settlement family


@pytest.mark.parametrize(("day", "periods"), [("2026-03-29", 46), ("2026-10-25", 50), ("2026-06-05", 48)])
def test_a_settlement_day_in_the_path(api: ApiStandin, day: str, periods: int) -> None:
    status, body = get(f"{api.elexon_url}{SETTLEMENT}/system-prices/{day}")
    answer = json.loads(body)
    assert status == 200 and answer["metadata"] == {"datasets": ["DISEBSP"]}
    assert [row["settlementPeriod"] for row in answer["data"]] == list(range(1, periods + 1))
    assert all(row["systemSellPrice"] == row["systemBuyPrice"] for row in answer["data"])
    assert re.search(rb'"systemSellPrice":-?\d+\.\d{18},', body)
    one = rows(f"{api.elexon_url}{SETTLEMENT}/system-prices/{day}/{periods}")
    assert one == answer["data"][-1:]


def test_prices_are_calculated_again_the_next_day() -> None:
    with ApiStandin(now="2026-06-05T12:00Z", gaps=False) as api:
        url = f"{api.elexon_url}{SETTLEMENT}/system-prices/2026-06-05"
        early = rows(url)
        assert early[-1]["createdDateTime"] <= "2026-06-05T12:00:00Z" and len(early) == 25
        api.set(now="2026-06-07T12:00Z")
        final = rows(url)
        assert len(final) == 48 and final[0]["createdDateTime"] == "2026-06-05T23:44:30Z"
        assert final[0]["netImbalanceVolume"] != early[0]["netImbalanceVolume"]
        assert rows(f"{api.elexon_url}{SETTLEMENT}/system-prices/2026-06-09") == []


def test_depth_of_the_market_has_nulls_on_its_own_day() -> None:
    with ApiStandin(now="2026-06-05T18:00Z", gaps=False) as api:
        url = f"{api.elexon_url}{SETTLEMENT}/market-depth/2026-06-05"
        assert None in {row["offerVolume"] for row in rows(url)}
        api.set(now="2026-06-08T18:00Z")
        assert None not in {row["offerVolume"] for row in rows(url)}


@pytest.mark.parametrize("code", ["BOAV", "DISPTAV", "EBOCF"])
def test_sides_are_in_the_path_only_and_nothing_is_404(api: ApiStandin, code: str) -> None:
    def asked(side: str, day: str) -> tuple[int, bytes]:
        return get(api.elexon_url + path_of(code, day, side))

    status, bids = asked("bid", "2026-06-05")
    _, offers = asked("offer", "2026-06-05")
    assert status == 200 and b'"bid"' not in bids and b'"side"' not in bids
    value, nested = SCHEMAS[code].value, "bidOfferPairCashflows" if code == "EBOCF" else "pairVolumes"
    assert all(row[value] <= 0.01 and row[nested]["positive1"] is None for row in json.loads(bids)["data"])
    assert all(row[value] >= 0 and row[nested]["negative1"] is None for row in json.loads(offers)["data"])
    assert asked("bid", "2027-01-05")[0] == 404 and asked("bid", "2015-01-05")[0] == 404
    assert asked("both", "2026-06-05")[0] == 400 and asked("bid", "2026-06-5")[0] == 400
    both = Counter(json.dumps(row) for row in json.loads(bids)["data"] + json.loads(offers)["data"])
    assert len(both) == len(api.expected(code, "2026-06-05"))
    assert (max(both.values()) == 2) == (code == "BOAV"), "accepted volumes repeat records"


def test_a_period_in_the_path(api: ApiStandin) -> None:
    url = f"{api.elexon_url}{SETTLEMENT}/stack/all"
    stack = rows(f"{url}/bid/2026-10-25/50")
    assert [row["sequenceNumber"] for row in stack] == [1, 2, 3, 4, 5, 6] and all(row["volume"] <= 0 for row in stack)
    assert stack[-1]["acceptanceId"] is None and stack[0]["acceptanceId"] is not None
    assert {row["cadlFlag"] for row in rows(f"{url}/offer/2026-10-25/50")} == {None}
    assert get(f"{url}/bid/2026-06-05/49")[0] == 404 and get(f"{url}/bid/2026-06-05/51")[0] == 400
    assert get(f"{url}/bid/2026-06-05")[0] == 404, "there is no form for a day"
    assert len(rows(f"{api.elexon_url}{SETTLEMENT}/acceptances/all/2026-06-05/1")) == 5
    summary = json.loads(get(f"{api.elexon_url}{SETTLEMENT}/summary/2026-06-05/1")[1])
    assert summary["settlementPeriod"] == 1 and isinstance(summary["systemSellPrice"], str)
    assert get(f"{api.elexon_url}{SETTLEMENT}/summary/2027-06-05/1")[0] == 404


# ---------------------------------------------------------------------------- whole tables, plain dates, second forms


def test_tables_are_served_as_they_are_now(api: ApiStandin) -> None:
    units = rows(api.elexon_url + "/reference/bmunits/all")
    assert len(units) == 6 and len({row["nationalGridBmUnit"] for row in units}) == 5, "one id is not unique"
    assert None in {row["elexonBmUnit"] for row in units} and isinstance(units[0]["demandCapacity"], str)
    assert units == [json.loads(row) for row in api.expected("BMUNITS", "2026-11-01")]
    before = {row["transmissionLossFactor"] for row in units}
    api.set(now="2026-11-09T00:00Z")
    assert rows(api.elexon_url + "/reference/bmunits/all") == units
    api.set(now="2027-11-09T00:00Z")
    assert before.isdisjoint(row["transmissionLossFactor"] for row in rows(api.elexon_url + "/reference/bmunits/all"))
    api.change("BMUNITS", "2027-11-09", "drop_records", rows=2)
    assert len(rows(api.elexon_url + "/reference/bmunits/all")) == 4
    assert "WIND" in json.loads(get(api.elexon_url + "/reference/fueltypes/all")[1])


def test_plain_dates_and_second_forms(api: ApiStandin) -> None:
    url = api.elexon_url
    assert [row["settlementDate"] for row in rows(url + "/demand/peak")] == ["2026-10-31"], "without dates: yesterday"
    week = {"from_": "2026-06-01", "to": "2026-06-07"}
    assert len(rows(url + "/demand/peak", **week)) == len(rows(url + "/temperature", **week)) == 7
    assert len(rows(url + "/demand/peak/indicative", **week, data="settlement")) == 7
    day = {"from_": "2026-06-04T23:00Z", "to": "2026-06-05T22:30Z"}
    per_type = rows(url + "/generation/actual/per-type", **day)
    assert len(per_type) == 48 and {len(row["data"]) for row in per_type} == {11}
    assert {row["forecastHorizon"] for row in rows(url + "/forecast/system/loss-of-load", **day)} == {1, 2, 4, 8, 12}


# --------------------------------------------------------------------------------------------------------- what all share


def test_status_counts_what_is_served(api: ApiStandin) -> None:
    assert set(DATA_STATUS_CODES) >= {"BOAV", "BOD", "DISEBSP", "DISPTAV", "EBOCF", "ISPSTACK", "PN", "REMIT"}
    for code in ("DISEBSP", "BOAV", "PN"):
        counted = rows(f"{api.elexon_url}/data-status/{code}", settlementDateFrom="2026-01-05", settlementDateTo="2026-01-05")
        served = sum(len(slot.rows(api.source.now())) for slot in api.source.day(code, as_day("2026-01-05")))
        assert sum(row["dataPointCount"] for row in counted) == served, code


@pytest.mark.parametrize("code", ["DISEBSP", "BOAV", "NDF", "MELS", "BMUNITS"])
def test_changes_and_recorded_rows_work_as_for_the_first_sets(api: ApiStandin, code: str) -> None:
    day = "2026-11-01" if SCHEMAS[code].snapshot else "2026-06-05"
    plain = api.expected(code, day)
    api.change(code, day, "add_field", name="extra", value=7)
    assert all(b'"extra":7' in row for row in api.expected(code, day))
    api.unchange()
    api.change(code, day, "revision")
    assert api.expected(code, day) != plain
    api.unchange()
    api.replace_days({(code, day): plain[:2]})
    assert api.expected(code, day) == plain[:2]
    if "{side}" in SCHEMAS[code].path:  # a recorded row does not tell its side: it is served under both
        assert len(rows(api.elexon_url + path_of(code, day, "offer"))) == 2


def test_values_keep_to_their_settlement_day(api: ApiStandin) -> None:
    for code in ("DISEBSP", "PN", "BOD", "NDF", "TUDM", "INTOUTHH"):
        for day in ("2026-03-29", "2026-10-25"):
            found = [json.loads(row)[SCHEMAS[code].instant] for row in api.expected(code, day)]
            assert found and {settlement(parse_instant(told))[0] for told in found} <= {as_day(day)}, code


def test_the_witness_is_independent_of_what_it_judges() -> None:
    """Nothing of the product is imported, not even the calendar."""
    found = {
        name.split(".")[0]
        for path in [*(ROOT / "tests/standin").rglob("*.py"), ROOT / "tests/api_standin.py"]
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom)
            else []
        )
    }  # fmt: skip
    assert found <= {*sys.stdlib_module_names, "standin"}
