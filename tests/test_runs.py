"""The state of the system as data: the table of runs, what is told of a change, and --status."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from conftest import LOADER, Place, days
from test_notify import hook

from collector.base import tally
from collector.base.names import VERSION
from collector.cloud import ending
from collector.days import Stored
from collector.notify import FAILED, OVERDUE, RECOVERED, Event
from collector.settings import SETTINGS, Settings
from collector.verify import status
from collector.verify.run_end import events_of
from collector.warehouse.runs import RUNS, Run
from datasets_config import DEFAULT_DATASETS, REGISTRY

NOW = datetime(2024, 6, 12, 6, 30, tzinfo=timezone.utc)
KEYS = ("demand_outturn", "market_index")
RANGE = ("--datasets", *KEYS, "--start-date", "2024-06-10")


def run(key: str = "frequency", verdict: str = "ok", is_overdue: bool = False, is_told: bool = False, cause: str = "") -> Run:
    return Run(key, NOW, NOW, 1, 2, 3, 4, 5, 6, 7, verdict, is_overdue, is_told, cause, VERSION)


# ------------------------------------------------------------------------------------------------------------ what is told
BAD, OLD, GOOD = run(verdict="load failed", cause="why"), run(is_overdue=True), run()


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (None, GOOD, []),
        (GOOD, BAD, [FAILED]),
        (None, BAD, [FAILED]),
        (replace(BAD, is_told=True), BAD, []),
        (BAD, BAD, [FAILED]),  # it did not get through, or nobody was to be told
        (replace(BAD, is_told=True), GOOD, [RECOVERED]),
        (BAD, GOOD, []),
        (GOOD, OLD, [OVERDUE]),
        (replace(OLD, is_told=True), OLD, []),
        (replace(OLD, is_told=True), replace(OLD, verdict="download failed"), [FAILED]),
        (replace(BAD, is_told=True), OLD, [OVERDUE]),
        (replace(BAD, is_overdue=True, is_told=True), BAD, []),
        (replace(OLD, is_told=True), GOOD, [RECOVERED]),
    ],
)
def test_a_change_is_told_once(before: Run | None, now: Run, kinds: list[str]) -> None:
    assert [event.kind for event in events_of({"frequency": before} if before else {}, [now])] == kinds


def test_a_failure_is_told_with_its_cause() -> None:
    assert events_of({}, [BAD]) == [Event("frequency", FAILED, "why")]


def test_the_steps_of_a_dataset_are_added_up_and_a_line_cut_short_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "tally"
    monkeypatch.setenv(tally.VARIABLE, str(path))
    tally.note("frequency", NOW, days=3, row_count=10, bytes=100, requests=2)
    tally.note("frequency", NOW + timedelta(minutes=1), "refused", jobs=4, bytes_billed=20)
    path.write_text(path.read_text() + '{"dataset": "market_index", "began": "20')
    (found,) = tally.read(path).values()
    assert found.began == NOW
    assert found.ended > NOW
    assert found.cause == "refused"
    assert found.counts == {"days": 3, "row_count": 10, "bytes": 100, "requests": 2, "retries": 0, "jobs": 4, "bytes_billed": 20}


# ------------------------------------------------------------------------------------------------------------ a run's end
def collect(place: Place) -> None:
    """Three days of two datasets. Staging tables would expire at once if they were made then."""
    place.download(*RANGE, now=NOW).ok()
    place.load(*RANGE).ok()


@pytest.fixture
def end_run(place: Place, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Ends a run of two datasets as the deploy script does, and returns its rows in the table of runs."""

    def end(*outcomes: str, now: datetime = NOW, **env: str) -> list[dict[str, Any]]:
        place.overrides = {tally.VARIABLE: str(tmp_path / "tally"), **env}
        (tmp_path / "outcomes").write_text("".join(f"{key}\t{status}\t1\t2\t3\t-\t-\t\n" for key, status in zip(KEYS, outcomes, strict=True)))
        ran = place.load("--verify", "--output", "json", "--without-source", "--counts-only", "--outcomes", str(tmp_path / "outcomes"), *RANGE, now=now)
        assert "table of runs" not in ran.err, ran.err
        (tmp_path / "tally").unlink(missing_ok=True)
        newest = "QUALIFY ROW_NUMBER() OVER (PARTITION BY dataset ORDER BY started DESC) = 1 ORDER BY dataset"
        rows = place.bq.query_and_wait(f"SELECT * FROM `{place.bq.project}.{place.dataset_id}.{RUNS}` WHERE TRUE {newest}")
        return [{name: row[name] for name in row.keys()} for row in rows]  # noqa: SIM118

    return end


@pytest.mark.long
def test_a_run_is_a_row_a_dataset_and_what_begins_or_ends_is_told_once(
    place: Place, end_run: Callable[..., list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.overrides = {tally.VARIABLE: str(tmp_path / "tally")}
    collect(place)
    demand, index = end_run("ok", "ok")
    assert (demand["dataset"], demand["verdict"], demand["version"], demand["is_told"]) == ("demand_outturn", "ok", VERSION, False)
    assert demand["days"] == index["days"] == 3
    assert demand["row_count"] == sum(len(place.lines("demand_outturn", day)) for day in days("2024-06-10", "2024-06-12"))
    assert demand["requests"] == len(place.requests("/demand/outturn"))
    assert demand["bytes"] > 1_000
    assert demand["jobs"] >= 2, "days were loaded and published"

    monkeypatch.setattr("collector.notify._PAUSE", 0)
    hours = iter(range(1, 24))

    def ended(status: int, *outcomes: str, later: timedelta = timedelta(0)) -> tuple[list[bool], list[tuple[str, str]]]:
        with hook(status) as it:
            rows = end_run(*outcomes, now=NOW + later + timedelta(minutes=next(hours)), BMRS_NOTIFY_URL=it.url)
        return [row["is_told"] for row in rows], [(event["dataset"], event["kind"]) for event in (it.bodies or [{"events": []}])[0]["events"]]

    assert ended(500, "ok", "download failed") == ([False, False], [("market_index", FAILED)]), "it did not get through"
    assert ended(200, "ok", "download failed") == ([False, True], [("market_index", FAILED)]), "so it comes again"
    assert ended(200, "ok", "download failed") == ([False, True], []), "and then no more"
    assert ended(200, "ok", "ok") == ([False, False], [("market_index", RECOVERED)])
    assert ended(200, "ok", "ok") == ([False, False], [])
    old = ended(200, "ok", "ok", later=timedelta(days=2))
    assert {key for key, _kind in old[1]} == set(KEYS), "too old by then"

    place.bq.query_and_wait(f"DROP TABLE `{place.bq.project}.{place.dataset_id}.{RUNS}`")
    place.bq.query_and_wait(f"CREATE TABLE `{place.bq.project}.{place.dataset_id}.{RUNS}` (x INT64)")
    ran = place.load("--verify", "--without-source", "--counts-only", "--outcomes", str(tmp_path / "outcomes"), *RANGE, now=NOW)
    assert ran.code == 0, "a table of runs that cannot be written fails no run"
    assert "this run is not in the table of runs" in ran.err


# ---------------------------------------------------------------------------------------------------------------- --status
def status_of(place: Place, *arguments: str, now: datetime = NOW, keys: tuple[str, ...] = KEYS) -> tuple[int, dict[str, Any]]:
    ran = place.load("--status", "--output", "json", "--datasets", *keys, *arguments, now=now)
    assert ran.out, ran.err
    return ran.code, json.loads(ran.out)


def test_status_tells_newest_age_run_and_what_is_not_right(place: Place, end_run: Callable[..., list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch) -> None:
    # As if the sets began with the range: what is before it would be missing.
    monkeypatch.setattr(status, "first_looked", lambda dataset, today: date(2024, 6, 10))
    collect(place)
    place.overrides = {}
    end_run("ok", "load failed")
    code, told = status_of(place)
    assert (code, told["ok"]) == (0, True)
    demand, index = told["datasets"]
    assert demand["newest_day"] == "2024-06-12"
    assert demand["newest_instant"].startswith("2024-06-12T22:30")
    assert demand["age_hours"] == 0
    assert demand["last_run"]["verdict"] == "ok"
    assert index["last_run"]["verdict"] == "load failed"
    assert demand["provisional_days"] == 3
    assert demand["behind_days"] == demand["failed_days"] == 0
    place.bucket.delete_blob("raw/market_index/2024/06/market_index_2024-06-10.ndjson.gz")
    assert status_of(place)[1]["datasets"][1]["failed_days"] == 1

    assert status_of(place, "--max-age", "1", now=NOW + timedelta(hours=20))[0] == 1
    later = NOW + timedelta(days=3)
    assert status_of(place, "--max-age", "100", now=later)[0] == 0
    code, told = status_of(place, now=later, keys=(*KEYS, "frequency", "system_warnings"))
    assert (code, told["ok"]) == (1, False)
    assert [one["overdue"] for one in told["datasets"]] == [True, True, True, False], "of frequency there is nothing, warnings may be rare"


def test_the_screen_fits_80_columns_for_all_datasets() -> None:
    found = [
        status.Status(
            dataset,
            status.Freshness(NOW.date(), NOW - timedelta(days=40), dataset.max_age, timedelta(days=40)),
            run(key, "load failed"), 450, 450, 999,
        )
        for key, dataset in REGISTRY.items()
    ]  # fmt: skip
    lines = status.status_text(found, [], NOW + timedelta(days=99)).splitlines()
    screen = [line for line in lines if not line.startswith("OVERDUE")]
    assert max(map(len, screen)) <= 80
    assert len(screen) == len(REGISTRY) + 3


def test_status_asks_little_whatever_the_age_of_the_archive(place: Place) -> None:
    """Ten years of eleven sets are 38,000 objects; status lists the few days of which something can still change."""
    listed = {key: (date(2024, 6, 12) - status.first_looked(REGISTRY[key], date(2024, 6, 12))).days for key in DEFAULT_DATASETS}
    assert sum(listed.values()) < 1_200
    ran = place.run(LOADER, "--status")
    assert ran.code == 1
    assert len([line for line in ran.out.splitlines() if line.startswith("OVERDUE")]) == 10, "nothing is stored, which of warnings alone is usual"


def test_status_goes_with_few_other_flags(place: Place) -> None:
    for flags, says in (
        (["--status", "--force"], "--force goes with loading, not with --status"),
        (["--status", "--start-date", "2024-01-01"], "--status is of now"),
        (["--max-age", "5"], "--max-age goes with --status"),
    ):
        ran = place.load(*flags)
        assert ran.code == 2
        assert says in ran.err


def test_a_source_that_has_ended_is_never_overdue() -> None:
    ended = next(dataset for dataset in REGISTRY.values() if dataset.last_day)
    assert not status.freshness(ended._replace(max_age=timedelta(hours=1)), Stored({}), NOW).is_overdue


# ---------------------------------------------------------------------------------------------------------- what will end
def test_a_token_in_a_file_tells_when_it_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def part(told: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")

    token = ".".join((part({"alg": "none"}), part({"exp": int((NOW + timedelta(hours=2)).timestamp())}), "signature"))
    plain, wrapped, file = tmp_path / "plain", tmp_path / "wrapped", tmp_path / "credentials.json"
    plain.write_text(f"{token}\n")
    wrapped.write_text(json.dumps({"id_token": token}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    real = Settings({s.variable: "" for s in SETTINGS}, {})
    for source in ({"file": str(plain)}, {"file": str(wrapped), "format": {"type": "json", "subject_token_field_name": "id_token"}}):
        file.write_text(json.dumps({"type": "external_account", "credential_source": source}))
        assert ending.token_end(file) == NOW + timedelta(hours=2)
        (line,) = ending.warnings(real, NOW)
        assert "ends at 2024-06-12T08:30:00Z" in line
        assert ending.warnings(real, NOW - timedelta(days=2)) == []
    for other in ("{}", "[]", "no JSON", json.dumps({"credential_source": {"file": str(file)}})):
        file.write_text(other)
        assert ending.token_end(file) is None


def test_a_disk_that_is_nearly_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    emulated = Settings({s.variable: "" for s in SETTINGS} | {"STORAGE_EMULATOR_HOST": "http://127.0.0.1:1"}, {})
    assert ending.warnings(emulated, NOW) == []
    monkeypatch.setattr(ending, "_LEAST_FREE", 10**18)
    assert all("MB are free for" in line for line in ending.warnings(emulated, NOW))
    assert ending.warnings(emulated, NOW)
