"""The README says what is so: its options exist and are all there, its tables are the registry's, its SQL works. So does
the notebook, cell by cell."""

from __future__ import annotations

import ast
import csv
import json
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree import ElementTree

import pytest
from api_standin import ApiStandin
from conftest import Place, make_place, settlement_of
from google.cloud import bigquery

import enhanced_bigquery_loader as loader
import enhanced_elexon_neso_downloader as downloader
import local_cloud
from collector.warehouse.views import read_views
from datasets_config import DEFAULT_DATASETS, REGISTRY
from local_cloud import LocalCloud

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", README + (ROOT / "docs/schema.md").read_text(), re.S)
DAYS = ("--start-date", "2022-10-29", "--end-date", "2022-10-31")


@pytest.fixture(scope="module")
def analyst(cloud: LocalCloud, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """What an analyst finds: three days of five datasets, and the views of them. Nobody here changes any of it."""
    with ApiStandin(gaps=False) as api:
        place = make_place(cloud, api, programs, tmp_path_factory.mktemp("analyst"))
        place.collect(*DAYS, "--datasets", "generation_outturn", "demand_outturn", "carbon_intensity", "wind_forecasts", "market_index")
        place.load("--update-views").ok()
        yield place


def section(title: str) -> str:
    """The text below a heading, to the next of its level."""
    found = re.search(rf"^(#+) [^\n]*{re.escape(title)}[^\n]*\n(.*?)(?=^\1 |\Z)", README, re.S | re.M)
    assert found, f"no section {title}"
    return found[2]


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


@pytest.mark.parametrize("program", [downloader, loader])
def test_every_option_of_a_program_is_told_and_no_other(program):
    shown = options_in(program.build_parser().format_help()) - {"--help"}
    assert options_in(section(program.PROG).split("\n```")[0]) - {"--help"} <= shown
    assert shown <= options_in(section(program.PROG))


def test_every_option_of_the_deploy_script_is_told():
    head = (ROOT / "deploy_data_collectors.sh").read_text().split("set -euo pipefail")[0]
    options = {option for option in options_in(head) if f"#   {option}" in head} | {"--help"}
    assert options == options_in(section("deploy_data_collectors.sh"))


def test_the_table_of_datasets_is_the_registry():
    rows = [
        f"| `{d.key}` | {d.description} | {d.code} | {', '.join(d.natural_key)} | {d.first_day} | "
        f"{', '.join(f'{days:g}' for days in d.revision_days) or 'each settlement run'} | {d.rows_per_day:,} |"
        for d in map(REGISTRY.__getitem__, (*DEFAULT_DATASETS, "balancing_services_disaggregated"))
    ]
    assert [line for line in section("The datasets").splitlines() if line.startswith("| `")] == rows


def test_no_option_in_a_command_block_is_made_up():
    commands = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.S))
    head = (ROOT / "deploy_data_collectors.sh").read_text().split("set -euo pipefail")[0]
    ours = [line for line in commands.splitlines() if "deploy_data_collectors" in line or "run_tests" in line]
    assert ours
    assert set().union(*map(options_in, ours)) <= options_in(head)


def test_attribution_is_given():
    for words in ("Contains BMRS data © Elexon Limited copyright and database right", "Supported by National Energy SO Open Data", "CC BY 4.0"):
        assert words in section("Attribution")


def test_the_queries_work_and_answer(analyst: Place) -> None:
    place = analyst
    assert len(QUERIES) >= 4
    for query in QUERIES:
        sql = query.replace("`uk_energy_prod.", f"`{place.dataset_id}.")
        rows = list(place.bq.query_and_wait(sql, job_config=bigquery.QueryJobConfig()))
        assert rows, query
    by_day = {str(row.settlement_date): row.half_hours for row in place.bq.query_and_wait(QUERIES[1].replace("uk_energy_prod.", f"{place.dataset_id}."))}
    assert 48 < by_day["2022-10-30"] <= 50


def test_the_example_of_an_entry_is_a_real_one() -> None:
    (entry,) = re.findall(r"```python\n(Dataset\(.*?)```", README, re.DOTALL)
    assert textwrap.indent(entry, "    ") in (ROOT / "collector/registry/elexon_balancing.py").read_text()


def test_the_ways_to_use_the_data_work(analyst: Place, cloud: LocalCloud, tmp_path: Path) -> None:
    place = analyst
    text = section("Using the data")
    (commands,) = re.findall(r"```bash\n(.*?)```", text, re.S)
    # The tables are those of this test, which are served; what --demo means is told by another.
    commands = commands.replace("python3 local_cloud.py", f"'{sys.executable}' '{ROOT / 'local_cloud.py'}'").replace(" --demo", "")
    asked = subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, env=place.env, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert re.search(r"^wind +\d", asked.stdout, re.M)
    assert '"mean_price": ' in asked.stdout
    chart, pandas, duckdb, client = re.findall(r"```python\n(.*?)```", text, re.S)

    def run(python: str, code: str) -> str:
        done = subprocess.run([python, "-c", code], cwd=tmp_path, env=place.env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, chart)
    drawn = ElementTree.parse(tmp_path / "demand.svg").getroot()
    points = drawn.findall("{*}polyline")[0].get("points", "").split()
    assert len(points) == 146
    assert all(0 <= float(part) <= 800 for point in points for part in point.split(","))
    emulators = str(local_cloud.environment_folder() / "bin/python")
    # This test's bucket alone: others hold what their tests made of them.
    (tmp_path / ".local_cloud/demo/gcs").mkdir(parents=True)
    (tmp_path / ".local_cloud/demo/gcs" / place.bucket.name).symlink_to(cloud.data_dir / "gcs" / place.bucket.name)
    assert "initialDemandOutturn" in run(emulators, duckdb)
    assert run(sys.executable, client).split()[::2] == ["2022-10-29", "2022-10-30", "2022-10-31"]
    printed = dict(re.findall(r"^(20\d\d-\d\d-\d\d) +([\d.]+)$", run(sys.executable, pandas), re.M))
    assert {day: float(mean) for day, mean in printed.items()} == pytest.approx(means(place), rel=1e-6)


def means(place: Place) -> dict[str, float]:
    """Mean demand of each settlement day, by the calendar."""
    demands: dict[str, list[int]] = defaultdict(list)
    for row in place.rows("demand_outturn"):
        demands[str(settlement_of(row["start_time"])[0])].append(row["initial_demand_outturn"])
    assert {day: len(those) for day, those in demands.items()} == {"2022-10-29": 48, "2022-10-30": 50, "2022-10-31": 48}
    return {day: sum(those) / len(those) for day, those in demands.items()}


def test_the_example_for_pandas_of_the_page_on_connecting_works(analyst: Place, tmp_path: Path) -> None:
    place = analyst
    page = (ROOT / "docs/connect.md").read_text()
    (code,) = re.findall(r"^## pandas\n.*?```python\n(.*?)```", page, re.S | re.M)
    assert "google-cloud-bigquery[pandas," in code
    code = code.replace("YOUR-PROJECT.uk_energy_prod", place.dataset_id).replace("2024-01-01", "2022-10-30")
    # What a login is there, is a token here.
    code = code.replace('bigquery.Client("YOUR-PROJECT")', 'bigquery.Client(os.environ["BMRS_PROJECT"], Credentials(os.environ["LOCAL_CLOUD_TOKEN"]))')
    code = f"import os\nfrom google.oauth2.credentials import Credentials\n{code.rstrip()}.to_csv('demand.csv')"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=place.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with (tmp_path / "demand.csv").open() as file:
        found = [(datetime.fromisoformat(row["start_time"]), int(row["national_demand_mw"])) for row in csv.DictReader(file)]
    # By the clock of the UK, where an hour of the 30th comes twice: in summer time, and after it.
    wanted = {row["start_time"]: row["initial_demand_outturn"] for row in place.rows("demand_outturn") if str(row["settlement_date"]) >= "2022-10-30"}
    assert dict(found) == wanted and len(found) == 98
    assert sorted(f"{at:%H:%M %z}" for at, _ in found if f"{at:%d %H}" == "30 01") == ["01:00 +0000", "01:00 +0100", "01:30 +0000", "01:30 +0100"]


# ------------------------------------------------------------------------------------------------------------- the notebook
NOTEBOOK = json.loads((ROOT / "docs/first_charts.ipynb").read_text(encoding="utf-8"))
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]
SVG = "{http://www.w3.org/2000/svg}"


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell; its last expression, as a notebook would show it."""
    tree = ast.parse(source)
    last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(last, "cell", "eval"), names) if last else None


def test_the_notebook_is_kept_without_answers_and_asks_views_alone() -> None:
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code")
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    asked = [name for source in CODE for name in re.findall(r"(?:FROM|JOIN) (\w+)", source)]
    assert len(asked) == 6
    assert {*asked} <= {*read_views()}


def test_each_cell_of_the_notebook_runs_and_draws(analyst: Place) -> None:
    place = analyst
    names: dict[str, Any] = {}
    charts = []
    with mock.patch.dict("os.environ", place.env):
        for source in CODE:
            # The tables are those of this test, which are served.
            if (chart := run_cell(re.sub('"--demo",\\s*', "", source), names)) is not None:
                charts.append(ElementTree.fromstring(chart._repr_svg_()))
    assert len(charts) == 5
    mix, demand, imports, prices, wind = charts

    generated: dict[tuple[int, str], float] = defaultdict(float)
    imported: dict[str, float] = defaultdict(float)
    for row in place.rows("generation_outturn"):
        if row["fuel_type"].startswith("INT"):
            imported[row["fuel_type"]] += row["generation"] / 2_000
        elif row["fuel_type"] in ("WIND", "NUCLEAR"):
            generated[int(row["start_time"].timestamp()), row["fuel_type"].lower()] += row["generation"] / 1_000
    assert {(row["at"], row["category"]): row["gw"] for row in names["mix"] if row["category"] in ("wind", "nuclear")} == pytest.approx(dict(generated))
    assert len(mix.findall(f"{SVG}polygon")) == len(names["by_category"])
    assert len(mix.findall(f"{SVG}polygon")[0].get("points", "").split()) == 146 + 2, "two corners on the axis"

    served = place.rows("demand_outturn")
    assert {(row["day"], row["settlement_period"]): row["gw"] for row in names["demand"]} == pytest.approx({
        (str(settlement_of(row["start_time"])[0]), settlement_of(row["start_time"])[1]): row["initial_demand_outturn"] / 1_000 for row in served
    })  # fmt: skip
    assert sorted(len(line.get("points", "").split()) for line in demand.findall(f"{SVG}polyline")) == [48, 48, 50]

    assert sum(row["gwh"] for row in names["imports"]) == pytest.approx(sum(imported.values()))
    assert len(imports.findall(f"{SVG}rect")) == len(names["imports"]) > 3
    assert len(prices.findall(f"{SVG}circle")) == len(names["prices"]) > 140
    assert len(wind.findall(f"{SVG}rect")) == len(names["errors"]) > 3
    for chart in charts:
        numbers = [float(number) for shape in chart.iter() for name in ("points", "x", "y", "cx", "cy") for number in re.split("[ ,]", shape.get(name) or "0")]
        assert all(0 <= number <= 870 for number in numbers)
