"""The two command lines: every flag, wrong use in one line, settings and their order, secrets, signals."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
from api_standin import ApiStandin
from conftest import DOWNLOADER, LOADER, ROOT, TWELVE, Place, Ran, days
from google.cloud import bigquery

import enhanced_elexon_neso_downloader as downloader
from collector.program import tasks_of
from collector.settings import load_settings, unconfirmed
from datasets_config import DEFAULT_DATASETS, REGISTRY

BOTH = pytest.mark.parametrize("program", [DOWNLOADER, LOADER])
RANGE = ("--start-date", "2024-01-05", "--end-date", "2024-01-06")
WHICH = ("--datasets", "market_index", *RANGE)


def bare(programs: Path, program: str, *arguments: str, **env: str) -> Ran:
    """A program where there is no network, no credentials, no configuration."""
    clean = {"PATH": os.environ["PATH"], "HOME": str(programs), "PYTHONWARNINGS": "ignore::FutureWarning", "NO_GCE_CHECK": "true", **env}
    ran = subprocess.run(
        [sys.executable, str(programs / program), *arguments], env=clean, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def told(ran: Ran, program: str) -> str:
    """The one line of a wrong use."""
    assert ran.code == 2, ran
    assert ran.out == ""
    assert re.fullmatch(rf"{re.escape(program)}: [^\n]+; [^\n]+\n", ran.err), ran.err
    return ran.err


def test_names_that_people_know() -> None:
    def named(*words: str) -> list[str]:
        arguments = downloader.build_parser().parse_args(["--datasets", *words])
        return [task.dataset.key for task in tasks_of(arguments)]

    assert named("fuelhh,B1610", "frequency", "indo") == ["generation_outturn", "individual_generation", "frequency", "demand_outturn"]
    assert named("core") == list(DEFAULT_DATASETS)
    assert named("CORE", "frequency", "freq") == list(DEFAULT_DATASETS), "each once"
    assert set(named("all")) == set(REGISTRY)
    assert {REGISTRY[key].group for key in named("reference", "settlement")} == {"reference", "settlement"}


# ----------------------------------------------------------------------------------- without network and credentials
@BOTH
def test_list_datasets_needs_nothing(programs: Path, program: str) -> None:
    ran = bare(programs, program, "--list-datasets").ok()
    head, *lines = ran.out.splitlines()
    assert re.split(r"  +", head) == ["KEY", "CODE", "GROUP", "KIND", "FROM", "MB/DAY", "REQUESTS/DAY", "PRIORITY", "CONFIRMED BY", "DESCRIPTION"]
    found = [re.split(r"  +", line) for line in lines]
    assert [row[0] for row in found[:11]] == list(DEFAULT_DATASETS)
    assert {row[0] for row in found} == set(REGISTRY)
    for key, code, group, kind, first, _size, _requests, priority, evidence, description in found:
        dataset = REGISTRY[key]
        assert (code, group, kind, first, priority) == (dataset.code, dataset.group, dataset.kind, str(dataset.first_day), dataset.priority)
        assert evidence == ("records" if dataset.is_confirmed else "document")
        assert description.startswith(dataset.title)


@pytest.mark.parametrize("program", [DOWNLOADER, LOADER, "local_cloud.py", "deploy_data_collectors.sh"])
def test_each_program_can_be_started_by_its_name(program: str) -> None:
    """Also with the system's Python, from which it goes on in the environment."""
    assert os.access(ROOT / program, os.X_OK)
    assert (ROOT / program).read_text().startswith("#!/usr/bin/env ")


@BOTH
def test_help_names_every_flag_in_narrow_lines(programs: Path, program: str) -> None:
    ran = bare(programs, program, "--help").ok()
    flags = {"--start-date", "--end-date", "--datasets", "--bucket", "--project", "--dataset-id", "--max-workers", "--force", "--dry-run", "--list-datasets"}
    flags |= {"--max-days", "--request-delay"} if program == DOWNLOADER else {"--validate-schema", "--update-schema", "--verify", "--output"}
    assert flags <= set(re.findall(r"--[a-z-]+", ran.out))
    assert max(map(len, ran.out.splitlines())) < 80
    assert all(text in ran.out for text in ("examples:", "exit codes:", "(default: today)"))


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("--start-date", "2024-1-5"), "YYYY-MM-DD"), (("--start-date", "2024-02-30"), "does not exist"), (("--end-date", "tomorrow"), "YYYY-MM-DD"),
    (("--start-date", "2024-01-06", "--end-date", "2024-01-05"), "swap"), (("--start-date", "2015-12-31"), "2016-01-01"),
    (("--start-date", "2999-01-01"), "future"), (("--end-date", "2999-01-01"), "future"), (("--end-date", "2015-01-01"), "before any data"),
    (("--datasets", "frequencies"), "did you mean frequency?"), (("--datasets", "qqq"), "--list-datasets"), (("--datasets",), "--datasets"),
    (("--max-workers", "0"), "from 1"), (("--max-workers", "many"), "whole number"), (("--max-workers", "1.5"), "whole number"),
    (("--bucket", "gs://x"), "--bucket"), (("--bucket", "UPPER"), "--bucket"), (("--project", "x"), "--project"),
    (("--dataset-id", "a-b"), "--dataset-id"), (("--dataset-id", "a;drop"), "--dataset-id"), (("--nonsense",), "--nonsense"), (("--max-worker", "4"), "did you mean --max-workers?"), (("--start", "2024-01-01"), "--start"),
    (("stray",), "stray"),
]  # fmt: skip


@BOTH
@pytest.mark.parametrize(("arguments", "says"), WRONG, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_wrong_use_is_one_line(programs: Path, program: str, arguments: tuple[str, ...], says: str) -> None:
    assert says in told(bare(programs, program, *arguments), program)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--max-days", "0"), "from 1 to 366"), (("--max-days", "367"), "366"), (("--request-delay", "-1"), "seconds"), (("--request-delay", "nan"), "seconds")],
)
def test_wrong_use_of_the_downloader(programs: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in told(bare(programs, DOWNLOADER, *arguments), DOWNLOADER)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--output", "json"), "--verify"), (("--output", "xml", "--verify"), "invalid choice"), (("--verify", "--validate-schema"), "not allowed with"),
     (("--update-schema", "--verify"), "not allowed with")],
)  # fmt: skip
def test_wrong_use_of_the_loader(programs: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in told(bare(programs, LOADER, *arguments), LOADER)


@BOTH
@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BMRS_BUCKET", "Not A Bucket", "BMRS_BUCKET in the environment"), ("ELEXON_BASE_URL", "ftp://x", "https://"),
        ("ELEXON_BASE_URL", "http://example.org", "https://"), ("CARBON_INTENSITY_BASE_URL", "https://x/?a=b", "https://"),
        ("BMRS_HTTP_TIMEOUT", "soon", "seconds"), ("STORAGE_EMULATOR_HOST", "127.0.0.1:4443", "with its scheme"),
        ("BIGQUERY_EMULATOR_HOST", "localhost", "with its scheme"), ("BMRS_LOCATION", "the moon", "location"),
    ],
)  # fmt: skip
def test_wrong_settings_are_one_line(programs: Path, program: str, name: str, value: str, says: str) -> None:
    assert says in told(bare(programs, program, *WHICH, **{name: value}), program)


def test_a_wrong_key_is_refused_and_not_shown(programs: Path) -> None:
    line = told(bare(programs, DOWNLOADER, *WHICH, BMRS_API_KEY="se cret"), DOWNLOADER)
    assert "secret" not in line and "se cret" not in line
    assert "BMRS_API_KEY" in line


@BOTH
def test_missing_credentials_name_the_command(programs: Path, program: str) -> None:
    # No file, and no metadata server to ask.
    ran = bare(programs, program, *WHICH, GCE_METADATA_HOST="127.0.0.1:1", GCE_METADATA_TIMEOUT="1", GCE_METADATA_DETECT_RETRIES="1")
    assert "gcloud auth application-default login" in told(ran, program)


@pytest.mark.long
@BOTH
def test_an_emulator_that_is_not_there_is_one_line(programs: Path, program: str) -> None:
    nowhere = "http://127.0.0.1:9"
    ran = bare(programs, program, *WHICH, STORAGE_EMULATOR_HOST=nowhere, BIGQUERY_EMULATOR_HOST=nowhere)
    assert "start the emulator" in told(ran, program)


# ---------------------------------------------------------------------------------------------------------- settings
def test_flag_goes_before_environment_before_file_before_default(programs: Path, tmp_path: Path) -> None:
    file = programs / "api.env"
    file.write_text("\ufeffexport BMRS_BUCKET='from-file'\r\nBMRS_DATASET=from_file # why\r\nBMRS_PROJECT=from-file\r\nBMRS_API_KEY=$(id)\r\n")
    try:

        def effective(*flags: str, **env: str) -> dict[str, str]:
            ran = subprocess.run(
                [sys.executable, "-m", "collector.deploy", "plan", *flags], env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env},
                cwd=programs, capture_output=True, text=True, check=True,
            )  # fmt: skip
            return dict(line.split("=", 1) for line in ran.stdout.splitlines())

        told = effective("--bucket", "from-flag", BMRS_BUCKET="from-env", BMRS_PROJECT="from-env")
        assert told["BMRS_BUCKET"] == "from-flag"
        assert told["BMRS_PROJECT"] == "from-env"
        assert told["BMRS_DATASET"] == "from_file"
        assert told["BMRS_LOCATION"] == "europe-west2"
        assert told["ELEXON_BASE_URL"] == "https://data.elexon.co.uk/bmrs/api/v1"
        assert told["CARBON_INTENSITY_BASE_URL"] == "https://api.carbonintensity.org.uk"
        assert told["NESO_PORTAL_BASE_URL"] == "https://api.neso.energy"
        assert effective(NESO_PORTAL_BASE_URL="https://mirror.example/")["NESO_PORTAL_BASE_URL"] == "https://mirror.example"
        assert told["API_KEY"] == "BMRS_API_KEY is set and will be sent"
        assert "BMRS_API_KEY" not in told
        file.unlink()
        told = effective()
        assert (told["BMRS_PROJECT"], told["BMRS_BUCKET"], told["BMRS_DATASET"], told["API_KEY"]) == (
            "jibber-jabber-knowledge", "jibber-jabber-knowledge-bmrs-data", "uk_energy_prod",
            "none (BMRS_API_KEY is not set); the API needs none today",
        )  # fmt: skip
    finally:
        file.unlink(missing_ok=True)


@BOTH
@pytest.mark.parametrize("holds", ["BMRS_API_KEY=a-key-of-mine", "LOCAL_CLOUD_TOKEN=", "BMRS_LOCATION=EU"])
def test_a_secret_that_others_may_read_is_told_once(place: Place, program: str, holds: str) -> None:
    file = place.programs / "api.env"
    try:
        for mode in (0o644, 0o640, 0o600):
            file.write_text(holds)
            file.chmod(mode)
            said = [line for line in place.run(program, *WHICH, "--dry-run").ok().err.splitlines() if "chmod" in line]
            assert len(said) == (holds.startswith("BMRS_API_KEY") and mode != 0o600)
            for line in said:
                assert line.endswith(f"WARNING api.env holds a secret and others may read it; run: chmod 600 {file}")
                assert "a-key-of-mine" not in line
    finally:
        file.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------ wrong set-up, in place
@BOTH
def test_a_missing_bucket_names_the_command(place: Place, program: str) -> None:
    line = told(place.run(program, *WHICH, "--bucket", "not-there"), program)
    assert "gcloud storage buckets create gs://not-there --project=test-project --location=europe-west2" in line
    assert place.api.requests == []


def test_a_missing_dataset_names_the_command(place: Place) -> None:
    for extra in ((), ("--verify",), ("--validate-schema",), ("--update-schema",), ("--dry-run",)):
        line = told(place.run(LOADER, *WHICH, "--dataset-id", "not_there", *extra), LOADER)
        assert "bq --location=europe-west2 mk --dataset test-project:not_there" in line


# ------------------------------------------------------------------------------------------------------------ the flags
def test_flags_say_where(place: Place) -> None:
    overridden = {"BMRS_BUCKET": "not-there", "BMRS_DATASET": "not_there", "BMRS_PROJECT": "not-there"}
    where = ("--bucket", place.bucket_name, "--dataset-id", place.dataset_id, "--project", "test-project")
    place.run(DOWNLOADER, *WHICH, *where, **overridden).ok()
    place.run(LOADER, *WHICH, *where, **overridden).ok()
    assert [place.check("market_index", day) for day in days("2024-01-05", "2024-01-06")] == [96, 96]


def test_datasets_are_each_done_once_and_start_where_they_start(place: Place) -> None:
    ran = place.download("--datasets", "market_index", "market_index", "demand_outturn", "--start-date", "2016-09-27", "--end-date", "2016-09-29").ok()
    assert ran.out.count("market_index ") == 1
    assert (ran.cell("market_index", "NEW"), ran.cell("demand_outturn", "NEW")) == ("1", "3")
    before = ("--start-date", "2016-01-01", "--end-date", "2016-01-02")
    for program in (place.download, place.load):
        ran = program("--datasets", "market_index", *before)
        assert (ran.code, ran.out) == (2, "")
        assert "is before any data of what is asked for: market_index begins on 2016-09-29" in ran.err
    # Beside a dataset that has begun it is left out.
    ran = place.download("--datasets", "market_index", "frequency", *before).ok()
    assert (ran.cell("market_index", "NEW"), ran.cell("market_index", "STATUS")) == ("0", "ok")


def test_the_default_is_the_eleven(place: Place) -> None:
    ran = place.download("--dry-run", *RANGE).ok()
    assert [word for word in re.findall(r"(?m)^\w+", ran.out) if word in TWELVE] == list(DEFAULT_DATASETS)
    assert list(place.verification(*RANGE)[1]) == list(DEFAULT_DATASETS)


def test_max_days_cuts_the_requests(place: Place) -> None:
    long = ("--datasets", "market_index", "--start-date", "2024-01-01", "--end-date", "2024-01-10")
    for most, requests in (("1", 10), ("4", 3), ("31", 1)):
        place.api.clear_log()
        place.download(*long, "--max-days", most, "--force").ok()
        assert len(place.api.requests) == requests
    place.api.clear_log()
    place.download(*long, "--force").ok()
    assert len(place.api.requests) == 2, "the default is 7"


def test_request_delay_spaces_the_requests_of_all_workers(place: Place) -> None:
    place.download(*WHICH[:2], "--start-date", "2024-01-01", "--end-date", "2024-01-06", "--max-days", "1", "--request-delay", "0.2").ok()
    times = sorted(entry["time"] for entry in place.api.requests)
    assert len(times) == 6
    assert times[-1] - times[0] >= 5 * 0.2 - 0.1


def test_one_worker_asks_one_thing_at_a_time(place: Place) -> None:
    place.api.set(latency=0.05)
    place.download(*WHICH[:2], "--start-date", "2024-01-01", "--end-date", "2024-01-06", "--max-days", "1", "--max-workers", "1").ok()
    entries = place.api.requests
    assert all(a["time"] + a["seconds"] <= b["time"] + 0.01 for a, b in pairwise(entries))


def test_dry_run_changes_nothing(place: Place) -> None:
    which = ("--datasets", "market_index", "frequency", *RANGE)
    ran = place.run(DOWNLOADER, *which, "--dry-run", "--max-days", "1").ok()
    assert (ran.cell("market_index", "MISSING"), ran.cell("market_index", "REQUESTS"), ran.cell("frequency", "MISSING")) == ("2", "2", "2")
    assert place.objects("") == {}
    assert place.api.requests == []
    place.download(*which).ok()
    state = place.state()
    place.api.clear_log()
    ran = place.run(LOADER, *which, "--dry-run").ok()
    assert (ran.cell("market_index", "TO LOAD"), ran.cell("market_index", "ROWS TO LOAD")) == ("2", "192")
    assert list(place.bq.list_tables(place.dataset_id)) == []
    assert place.jobs() == 0
    ran = place.run(DOWNLOADER, *which, "--dry-run").ok()
    assert ran.cell("market_index", "MISSING") == "0"
    ran = place.run(DOWNLOADER, *which, "--dry-run", "--force").ok()
    assert ran.cell("market_index", "STALE") == "2"
    assert place.state() == state
    assert place.api.requests == []


def test_force_fetches_again(place: Place) -> None:
    place.download(*WHICH).ok()
    place.api.clear_log()
    assert place.download(*WHICH, "--force").ok().cell("market_index", "SAME") == "2"
    assert len(place.api.requests) == 1


def test_quiet_and_verbose(place: Place) -> None:
    quiet, normal, verbose = (place.download(*WHICH, "--force", *more).ok().err for more in (("--quiet",), (), ("--verbose",)))
    assert quiet == ""
    assert "days to fetch" in normal
    assert "/datasets/MID/stream?from=" not in normal
    assert re.search(r" DEBUG   \d+ bytes in \d\.\d\d s: /datasets/MID/stream\?from=2024-01-05T00:00:00Z&to=", verbose)
    assert re.search(r" DEBUG   job load_\w+: done in ", place.load(*WHICH, "--verbose").ok().err)
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO)", line) for line in verbose.splitlines())


def test_the_summary_is_a_table_on_stdout_and_the_log_on_stderr(place: Place) -> None:
    ran = place.run(DOWNLOADER, *WHICH).ok()
    assert ran.out.startswith("DATASET")
    assert (ran.cell("market_index", "NEW"), ran.cell("market_index", "ROWS"), ran.cell("market_index", "FAILED")) == ("2", "192", "0")
    assert "DATASET" not in ran.err
    ran = place.run(LOADER, *WHICH).ok()
    assert ran.out.startswith("DATASET")
    assert (ran.cell("market_index", "LOADED"), ran.cell("market_index", "ROWS"), ran.cell("market_index", "LOAD JOBS")) == ("2", "192", "1")


def test_verify_speaks_text_and_json(place: Place) -> None:
    place.collect(*WHICH)
    ran = place.run(LOADER, "--verify", *WHICH).ok()
    assert (ran.cell("market_index", "RESULT"), ran.cell("market_index", "ROWS IN TABLE")) == ("ok", "192")
    ran = place.run(LOADER, "--verify", "--output", "json", *WHICH).ok()
    one = json.loads(ran.out)
    assert one["ok"] is True
    contract = {"dataset", "days_expected", "days_stored", "days_loaded", "rows_stored", "rows_loaded", "first_day", "last_day", "missing_days",
                "short_days", "provisional_days", "ok"}  # fmt: skip
    assert contract <= set(one["datasets"][0])
    assert one["datasets"][0]["rows_loaded"] == 192
    missing = place.run(LOADER, "--verify", "--output", "json", "--datasets", "frequency", *RANGE)
    assert missing.code == 1
    assert json.loads(missing.out)["datasets"][0]["missing_days"] == ["2024-01-05", "2024-01-06"]


# ---------------------------------------------------------------------------------------------------------------- schema
def test_validate_and_update_schema(place: Place) -> None:
    ran = place.run(LOADER, "--validate-schema", *WHICH)
    assert ran.code == 1
    assert "missing table" in ran.out
    assert "created table" in place.run(LOADER, "--update-schema", *WHICH).ok().out
    place.collect(*WHICH)
    ran = place.run(LOADER, "--validate-schema", *WHICH).ok()
    assert "no differences" in ran.out
    assert place.run(LOADER, "--update-schema", *WHICH).ok().out.strip() == "nothing to add"
    table = place.bq.get_table(place.table_id("market_index"))
    described = {field.name: field.description for field in table.schema}
    assert "[GBP/MWh]" in described["price"]


def made_with(place: Place, change: Callable[[dict[str, bigquery.SchemaField]], object]) -> None:
    """The table of market_index, made with another schema; `change` gets the right one, by column."""
    place.run(LOADER, "--update-schema", *WHICH).ok()
    made = place.bq.get_table(place.table_id("market_index"))
    place.bq.delete_table(made)
    schema = {field.name: field for field in made.schema}
    change(schema)
    table = bigquery.Table(place.table_id("market_index"), list(schema.values()))
    table.time_partitioning, table.clustering_fields = made.time_partitioning, made.clustering_fields
    place.bq.create_table(table)


@pytest.mark.parametrize("wrong", ["type", "required column gone", "strange required column"])
def test_a_table_that_does_not_fit_is_told_once_and_nothing_is_tried(place: Place, wrong: str) -> None:
    def change(schema: dict[str, bigquery.SchemaField]) -> None:
        match wrong:
            case "type":
                schema["price"] = bigquery.SchemaField("price", "DATE", description=schema["price"].description)
            case "required column gone":
                del schema["data_provider"]
            case _:
                schema["strange"] = bigquery.SchemaField("strange", "STRING", "REQUIRED")

    made_with(place, change)
    place.download(*WHICH).ok()
    ran = place.load(*WHICH)
    assert (ran.code, ran.cell("market_index", "LOAD JOBS"), ran.cell("market_index", "TRANSACTIONS")) == (1, "0", "0")
    (line,) = re.findall("^FAILED .*", ran.out, re.MULTILINE)
    assert "drop or rename the table elexon_market_index" in line
    ran = place.run(LOADER, "--update-schema", *WHICH)
    assert ran.code == 1
    assert "cannot be added; drop or rename the table elexon_market_index" in ran.out


def test_an_older_table_is_brought_up_to_date(place: Place) -> None:
    def change(schema: dict[str, bigquery.SchemaField]) -> None:
        del schema["volume"]
        price = schema["price"]
        schema["price"] = bigquery.SchemaField(price.name, price.field_type, price.mode, description="old")

    made_with(place, change)
    ran = place.run(LOADER, "--validate-schema", *WHICH)
    assert ran.code == 1
    assert "missing column: volume FLOAT64" in ran.out
    assert "description: price" in ran.out
    place.download(*WHICH).ok()
    ran = place.load(*WHICH)
    assert ran.code == 1
    assert "--update-schema" in ran.out, "what to do is told"
    ran = place.run(LOADER, "--update-schema", *WHICH).ok()
    assert "volume" in ran.out
    fields = {f.name: f.description for f in place.bq.get_table(place.table_id("market_index")).schema}
    assert "[MWh]" in fields["volume"]
    assert fields["price"] != "old"
    assert place.run(LOADER, "--validate-schema", *WHICH).code == 0


# --------------------------------------------------------------------------------------------------------------- secrets
@pytest.mark.long
def test_the_api_key_goes_to_elexon_as_a_header_and_nowhere_else(place: Place) -> None:
    secret = "s3cr3t-K3Y-never-shown"
    which = ("--datasets", "market_index", "carbon_intensity", *RANGE)
    with ApiStandin(gaps=False) as other:
        place.api.change("MID", "2024-01-06", "no_instant")
        ran = place.run(DOWNLOADER, *which, "--verbose", BMRS_API_KEY=secret, CARBON_INTENSITY_BASE_URL=other.carbon_url)
        assert ran.code == 1
        elexon, carbon = place.api.requests, other.requests
    assert elexon
    assert carbon
    assert all(entry["api_key"] and "<secret>" in entry["headers"].values() and "secret" not in entry["query"] for entry in elexon)
    assert not any(entry["api_key"] for entry in carbon)
    assert secret not in ran.out + ran.err
    assert not any(secret in json.dumps(blob.metadata) for blob in place.objects("").values())
    place.api.clear_log()
    place.run(DOWNLOADER, *which, "--force")
    assert not any(entry["api_key"] for entry in place.api.requests), "no key, no header"


def test_requests_say_who_asks_and_take_json_and_gzip(place: Place) -> None:
    place.download(*WHICH).ok()
    for entry in place.api.requests:
        headers = {name.lower(): value for name, value in entry["headers"].items()}
        assert headers["accept"] == "application/json"
        assert "gzip" in headers["accept-encoding"]
        assert "gb-electricity-collector" in headers["user-agent"]
    assert place.api.connections <= 2, "connections are kept"


# --------------------------------------------------------------------------------------------------------------- signals
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_cleanly_and_the_next_run_goes_on(place: Place, number: signal.Signals, code: int) -> None:
    which = ("--datasets", "market_index", "--start-date", "2024-01-01", "--end-date", "2024-01-30")
    place.api.set(latency=0.2)
    process = place.start(DOWNLOADER, *which, "--max-days", "1", "--max-workers", "2")
    end = time.monotonic() + 30
    while len(place.api.requests) < 5:
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert "same command again" in err
    assert "Traceback" not in out + err
    have = len(place.objects("raw/"))
    assert 0 < have < 30
    place.api.set(latency=0.0)
    place.api.clear_log()
    place.download(*which, "--max-days", "1").ok()
    place.load(*which).ok()
    assert len(place.api.requests) == 30 - have
    assert place.verification(*which)[0] == 0


def test_the_clock_of_a_run_is_the_present(place: Place) -> None:
    ran = place.download("--datasets", "system_warnings", "--dry-run").ok()
    counted = int(ran.cell("system_warnings", "DAYS").replace(",", ""))
    assert counted > timedelta(days=365 * 9).days


# ------------------------------------------------------------------------------------------- started in the obvious way
@BOTH
def test_a_python_without_packages_goes_on_in_the_environment_or_says_what_to_do(program: str, tmp_path: Path) -> None:
    root = tmp_path / "a folder"
    shutil.copytree(ROOT / "collector", root / "collector", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (DOWNLOADER, LOADER, "datasets_config.py"):
        shutil.copy(ROOT / name, root)

    def run() -> subprocess.CompletedProcess[str]:
        # Without site-packages, as the system's Python is.
        command = [sys.executable, "-S", root / program, "--start-date", "2024-01-02", "--end-date", "2024-01-01"]
        return subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)

    ran = run()
    assert ran.returncode == 2
    assert ran.stderr == f"{program}: the packages that this needs are not installed; run: ./deploy_data_collectors.sh --setup\n"
    (root / ".venv/bin").mkdir(parents=True)
    (root / ".venv/.complete").touch()
    (root / ".venv/bin/python").write_text('#!/bin/sh\necho "in the environment: $*"\nexit 7\n')
    (root / ".venv/bin/python").chmod(0o755)
    ran = run()
    assert ran.returncode == 7
    assert ran.stdout == f"in the environment: {root / program} --start-date 2024-01-02 --end-date 2024-01-01\n"


@pytest.mark.parametrize(
    ("names", "says"),
    [
        ({"BMRS_BUKET": "x-bucket"}, "BMRS_BUKET in the environment is no setting; did you mean BMRS_BUCKET?"),
        ({"BMRS_PROJEKT": "x"}, "did you mean BMRS_PROJECT?"), ({"bmrs_bucket": "x"}, "did you mean BMRS_BUCKET?"),
        ({"ELEXON_BASE_URI": "https://x"}, "did you mean ELEXON_BASE_URL?"), ({"BMRS_": "x"}, "is no setting; "),
    ],
)  # fmt: skip
@BOTH
def test_a_misspelt_setting_is_refused(program: str, names: dict[str, str], says: str, programs: Path) -> None:
    ran = bare(programs, program, *WHICH, **names)
    assert ran.code == 2
    assert says in told(ran, program)


def test_what_nobody_has_set_is_confirmed_before_the_real_cloud_is_used() -> None:
    def said(flags: dict[str, str | None], **env: str) -> str:
        with mock.patch.dict(os.environ, env, clear=True), mock.patch("collector.settings.read_api_env", dict):
            return unconfirmed(load_settings(flags, {}))

    both = "nobody has set BMRS_PROJECT (built in: jibber-jabber-knowledge), BMRS_BUCKET (built in: jibber-jabber-knowledge-bmrs-data)"
    assert said({}).startswith(both)
    assert said({}).endswith("--project jibber-jabber-knowledge --bucket jibber-jabber-knowledge-bmrs-data")
    assert "BMRS_PROJECT" not in said({"--project": "mine-1234"})
    assert said({"--project": "jibber-jabber-knowledge", "--bucket": "jibber-jabber-knowledge-bmrs-data"}) == "", "confirmed by flags"
    assert said({}, BMRS_PROJECT="mine-1234", BMRS_BUCKET="my-bucket") == ""
    assert said({}, STORAGE_EMULATOR_HOST="http://127.0.0.1:1", BIGQUERY_EMULATOR_HOST="http://127.0.0.1:2") == ""


@pytest.mark.emulators
def test_a_load_of_what_was_never_downloaded_is_not_ok(place: Place) -> None:
    ran = place.load(*WHICH)
    assert ran.code == 1
    assert ran.cell("market_index", "STATUS") == "nothing stored"


@BOTH
def test_ctrl_c_while_a_program_is_still_being_read_is_one_line(programs: Path, tmp_path: Path, program: str) -> None:
    shutil.copytree(programs / "collector", tmp_path / "collector")
    for name in (DOWNLOADER, LOADER, "datasets_config.py"):
        shutil.copy(programs / name, tmp_path)
    early = tmp_path / "collector/command_line.py"
    early.write_text(early.read_text().replace("import argparse\n", "import argparse, os, signal\nos.kill(os.getpid(), signal.SIGINT)\n", 1))
    ran = bare(tmp_path, program, "--version")
    assert (ran.code, ran.out, ran.err) == (130, "", f"{program}: stopped\n")


@pytest.mark.parametrize("path", [DOWNLOADER, LOADER, "local_cloud.py", "tests/api_standin.py"])
def test_ctrl_c_while_the_environments_python_takes_over_is_kept_for_it(path: str) -> None:
    root = Path(__file__).resolve().parent.parent
    code = (
        "import os, signal, sys; sys.path.insert(0, sys.argv[1]); from collector.base import early; early.hold(); "
        "os.kill(os.getpid(), signal.SIGINT); os.execv(sys.executable, [sys.executable, *sys.argv[2:]])"
    )
    command = [sys.executable, "-c", code, str(root), str(root / path), "--version"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    name = "local_cloud" if path == "local_cloud.py" else Path(path).name
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", f"{name}: stopped\n")
