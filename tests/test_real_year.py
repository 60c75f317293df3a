"""The main job on real records: every FUELHH and demand half hour of 2022 as published, through to the tables.

The CSV (labels as served, defect included) is turned into what the API would serve and collected like anything else;
then the tables must hold the CSV's numbers half hour by half hour, the day of the spring clock change included.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest
from api_standin import ApiStandin
from google.cloud import bigquery
from google.oauth2.credentials import Credentials

from local_cloud import LocalCloud

ROOT = Path(__file__).resolve().parent.parent
YEAR = ROOT.parent / "shared" / "samples" / "generation_outturn" / "gb-grid-margin_fuelhh_2022.csv"
GAPS = YEAR.with_name("gb-grid-margin_known_gaps.csv")
NOT_FUELS = {"settlement_date", "settlement_period", "period_start_utc", "INDO", "ITSDO"}

pytestmark = [pytest.mark.long, pytest.mark.skipif(not YEAR.exists(), reason="the recorded year is not in ../shared/samples")]


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """After the deploy script has collected all of 2022: a client on the tables, and what the verification says."""
    data = tmp_path_factory.mktemp("year with a space")
    arguments = ["--datasets", "generation_outturn", "demand_outturn", "--start-date", "2022-01-01", "--end-date", "2022-12-31", "--max-days", "31"]
    with LocalCloud(data / "cloud", gcs_port=0, bigquery_port=0) as cloud, ApiStandin() as api:
        api.load_csv(YEAR)
        environment = {**os.environ, **cloud.env, "ELEXON_BASE_URL": api.elexon_url, "CARBON_INTENSITY_BASE_URL": api.carbon_url}
        done = subprocess.run(
            [str(ROOT / "deploy_data_collectors.sh"), *arguments], env=environment, cwd=data, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        client = bigquery.Client(
            project=cloud.env["BMRS_PROJECT"], credentials=Credentials(cloud.token), client_options={"api_endpoint": cloud.bigquery_url},
            default_query_job_config=bigquery.QueryJobConfig(default_dataset=f"{cloud.env['BMRS_PROJECT']}.{cloud.env['BMRS_DATASET']}"),
        )  # fmt: skip
        loader = [str(ROOT / ".venv/bin/python"), str(ROOT / "enhanced_bigquery_loader.py"), "--verify", "--output", "json", *arguments[:-2]]
        said = subprocess.run(loader, env=environment, cwd=data, capture_output=True, text=True, timeout=600)
        assert said.returncode == 0, said.stderr[-4000:]
        yield client, {found["dataset"]: found for found in json.loads(said.stdout)["datasets"]}


@pytest.fixture(scope="module")
def tables(year):
    return year[0]


@pytest.fixture(scope="module")
def verified(year):
    return year[1]


@pytest.fixture(scope="module")
def recorded():
    """(start, fuel) -> MW, from the CSV."""
    generation = {}
    with YEAR.open(newline="") as lines:
        for row in csv.DictReader(lines):
            start = datetime.fromisoformat(row["period_start_utc"].replace("Z", "+00:00"))
            if start.year != 2022:
                # The file goes by labels: the first it has is the last half hour of 2021, labelled a day late.
                continue
            generation.update({(start, fuel): int(value) for fuel, value in row.items() if fuel not in NOT_FUELS and value})
    return generation


@pytest.mark.long
def test_every_half_hour_of_generation_is_the_recorded_one(tables, recorded):
    expected = defaultdict(dict)
    for (start, fuel), value in recorded.items():
        expected[start][fuel] = value
    # A row for each half hour: the emulator is slow at handing out many rows, not at having them.
    sql = """
        SELECT start_time, STRING_AGG(CONCAT(fuel_type, '=', CAST(generation AS STRING)) ORDER BY fuel_type) AS fuels
        FROM elexon_generation_outturn GROUP BY start_time"""
    found = {r.start_time: r.fuels for r in tables.query(sql).result()}
    assert found == {start: ",".join(f"{fuel}={value}" for fuel, value in sorted(fuels.items())) for start, fuels in expected.items()}


def test_monthly_generation_by_fuel_is_the_recorded_sum(tables, recorded):
    expected = defaultdict(int)
    for (start, fuel), value in recorded.items():
        expected[start.month, fuel] += value
    sql = "SELECT EXTRACT(MONTH FROM start_time) AS month, fuel_type, SUM(generation) AS total FROM elexon_generation_outturn GROUP BY 1, 2"
    assert {(r.month, r.fuel_type): r.total for r in tables.query(sql).result()} == dict(expected)


def test_annual_totals_of_the_views_are_of_the_published_order(tables):
    """DUKES 2023, chapter 5: in 2022 the United Kingdom made 132.8 TWh of fossil fuels, 135.0 of renewables and, by the 56.2 per
    cent of 325.3 that were low carbon, 47.8 of nuclear, and exported 5.3 net. FUELHH has what transmission systems of Great
    Britain meter of it."""
    sql = "SELECT category, SUM(generation_mwh) / 1e6 AS twh FROM generation_mix GROUP BY category ORDER BY twh DESC"
    twh = {r.category: r.twh for r in tables.query(sql).result()}
    assert 0.8 < (twh["gas"] + twh["coal"] + twh["oil"]) / 132.8 < 1
    assert 0.9 < twh["nuclear"] / 47.8 < 1
    assert 0.5 < (twh["wind"] + twh["hydro"] + twh["biomass"]) / 135.0 < 0.7, "solar, and what is embedded, is not among it"
    order = ["gas", "wind", "nuclear", "biomass", "coal", "hydro", "oil"]
    assert [name for name in twh if name in order] == order
    assert 0.6 < -twh["interconnector"] / 5.3 < 1.1
    (demand,) = tables.query("SELECT SUM(national_demand_mwh) / 1e6 AS twh, COUNT(*) AS half_hours FROM demand").result()
    # What power stations use themselves is generated and not demanded.
    assert 1 < sum(twh.values()) / demand.twh < 1.03
    assert 17_500 <= demand.half_hours <= 17_520


def test_every_half_hour_of_demand_is_the_recorded_one(tables):
    # The CSV joined demand by label, and demand's labels are right: (settlement_date, settlement_period) is its key.
    with YEAR.open(newline="") as lines:
        expected = {
            (row["settlement_date"], int(row["settlement_period"])): (row["INDO"], row["ITSDO"])
            for row in csv.DictReader(lines)
            if row["INDO"] or row["ITSDO"]
        }
    rows = tables.query(
        "SELECT settlement_date, settlement_period, initial_demand_outturn AS indo, "
        "initial_transmission_system_demand_outturn AS itsdo FROM elexon_demand_outturn"
    ).result()
    found = {
        (str(r.settlement_date), r.settlement_period): tuple("" if v is None else str(v) for v in (r.indo, r.itsdo))
        for r in rows
        if r.indo is not None or r.itsdo is not None
    }
    assert found == expected


def test_the_clock_change_days_end_with_their_own_last_half_hour(tables):
    # The recording lost 2022-03-27T22:30Z, as everything keyed on the labels does: the label of that half hour, the
    # next day's period 46, was given twice. What it has of the day must lie in that day all the same.
    sql = """
        SELECT settlement_date, COUNT(DISTINCT settlement_period) AS periods, MAX(settlement_period) AS last, MAX(start_time) AS latest
        FROM elexon_generation_outturn WHERE settlement_date IN ('2022-03-27', '2022-10-30') GROUP BY 1 ORDER BY 1"""
    spring, autumn = tables.query(sql).result()
    assert (spring.periods, spring.last, spring.latest.isoformat()) == (45, 45, "2022-03-27T22:00:00+00:00")
    assert (autumn.periods, autumn.last, autumn.latest.isoformat()) == (50, 50, "2022-10-30T23:30:00+00:00")


def test_the_label_defect_is_mended_by_the_start_time(tables):
    sql = """
        SELECT COUNTIF(settlement_date_label != settlement_date) AS late, MAX(IF(settlement_date_label != settlement_date, settlement_date, NULL)) AS last,
          COUNTIF(settlement_period_label != settlement_period) AS periods
        FROM elexon_generation_outturn WHERE fuel_type = 'CCGT'"""
    (row,) = tables.query(sql).result()
    assert (row.late, str(row.last), row.periods) == (192, "2022-07-13", 0)


def test_the_days_that_lack_a_half_hour_are_those_known_to(verified):
    # The list counts by label, which for a day's last half hour was the next day's until 2022-07-13: that of 03-27 and one
    # of 07-09 it has on the day after, and that of 07-14, whose label another half hour has, it does not see.
    with GAPS.open(newline="") as lines:
        known = {row["settlement_date"]: int(row["shortfall"]) for row in csv.DictReader(lines) if row["settlement_date"].startswith("2022")}
    known["2022-03-27"] = known.pop("2022-03-28")
    known |= {"2022-07-09": 2, "2022-07-10": 1, "2022-07-14": 1}
    told = {}
    for verdict in verified["generation_outturn"]["verdicts"]:
        assert verdict["kind"] == "instant missing", verdict
        told[verdict["day"]] = verdict["count"]
    assert told == known
    assert verified["generation_outturn"]["short_days"] == sorted(known)
