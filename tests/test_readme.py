"""The README says what is so: its options exist and are all there, its tables are the registry's, its SQL works."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import Place
from google.cloud import bigquery

import enhanced_bigquery_loader as loader
import enhanced_elexon_neso_downloader as downloader
import local_cloud
from datasets_config import DEFAULT_DATASETS, REGISTRY
from local_cloud import LocalCloud

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", README + (ROOT / "docs/schema.md").read_text(), re.S)
DAYS = ("--start-date", "2022-10-29", "--end-date", "2022-10-31")


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


def test_the_queries_work_and_answer(place):
    place.collect(*DAYS, "--datasets", "generation_outturn", "demand_outturn", "carbon_intensity", "wind_forecasts")
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


def test_the_ways_to_use_the_data_work(place: Place, cloud: LocalCloud, tmp_path: Path) -> None:
    place.collect(*DAYS, "--datasets", "demand_outturn", "generation_outturn", "market_index")
    text = section("Using the data")
    (commands,) = re.findall(r"```bash\n(.*?)```", text, re.S)
    # The tables are those of this test, which are served; what --demo means is told by another.
    commands = commands.replace("python3 local_cloud.py", f"'{sys.executable}' '{ROOT / 'local_cloud.py'}'").replace(" --demo", "")
    asked = subprocess.run(["bash", "-e", "-c", commands], cwd=tmp_path, env=place.env, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    assert re.search(r"^WIND +\d", asked.stdout, re.M)
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
    if subprocess.run([sys.executable, "-c", "import pandas, pyarrow"], capture_output=True).returncode:
        pytest.skip("all but the example for pandas works; that needs pandas and pyarrow in .venv")
    assert "2022-10-30" in run(sys.executable, pandas)
