"""The deploy script as a monitor and an alarm: --status, --log-format json, and what people are told when nothing goes."""

# Fixtures are taken from another module by their names.
# ruff: noqa: F811

from __future__ import annotations

import json
import shlex
import signal
from pathlib import Path

import pytest
from test_deploy import DOWNLOADER, LOADER, Project, bare, environment, project, stand_in  # noqa: F401

from collector import deploy
from collector.deploy import entry_of


def test_status_is_one_question_to_the_loader(project: Project) -> None:
    project.plan[f"{LOADER} demand_outturn"] = {"exit": 1}
    ran = project.run("--status", "--max-age", "48", "--output", "json", "--datasets", "demand_outturn", "frequency")
    assert ran.returncode == 1, ran.stderr
    (call,) = project.called(LOADER)
    assert call[:4] == ["--status", "--datasets", "demand_outturn", "frequency"]
    assert call[-4:] == ["--max-age", "48", "--output", "json"]
    assert project.called(DOWNLOADER) == []
    assert not project.logs()
    assert f"{LOADER} worked on demand_outturn\n" == ran.stdout, "nothing else is said, for a monitor reads it"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--max-age", "5"], "--max-age goes with --status"),
        (["--output", "json"], "--output goes with --status"),
        (["--status", "--max-age", "soon"], "'soon' is not possible here"),
        (["--status", "--dry-run"], "--status looks, and does nothing else"),
        (["--status", "--start-date", "2024-01-01"], "--status is of now"),
        (["--log-format", "xml"], "--log-format is text or json, not 'xml'"),
    ],
)
def test_flags_that_do_not_go_together(project: Project, arguments: list[str], says: str) -> None:
    ran = project.run(*arguments)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert project.called(LOADER) == []


def test_json_makes_an_entry_of_every_line_and_passes_the_exit_code(project: Project) -> None:
    project.plan[f"{DOWNLOADER} demand_outturn"] = {"exit": 1, "say": "2024-01-01T00:00:00Z WARNING demand_outturn: short"}
    ran = project.run("--log-format", "json", "--datasets", "demand_outturn")
    assert ran.returncode == 1
    entries = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.stderr == ""
    assert {"severity": "WARNING", "message": "demand_outturn: short", "time": "2024-01-01T00:00:00Z"} in entries
    (end,) = (entry for entry in entries if "1 of 1 datasets failed" in entry["message"])
    assert end["severity"] == "ERROR"
    assert "WARNING demand_outturn: short" in project.log(), "the files of the logs stay text for people"


def test_a_signal_reaches_the_run_behind_the_entries(project: Project) -> None:
    project.plan[f"{DOWNLOADER} demand_outturn"] = {"sleep": 60, "last_words": "stopping"}
    process = project.start("--log-format", "json", "--datasets", "demand_outturn")
    project.wait_until_started()
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    assert any("Stopped." in json.loads(line)["message"] for line in out.splitlines())


@pytest.mark.parametrize(
    ("line", "is_error", "severity"),
    [
        ("2024-01-01T00:00:00Z INFO    all is well", True, "INFO"),
        ("2024-01-01T00:00:00Z ERROR   it is not", False, "ERROR"),
        ("  WARNING      api.env holds a secret", False, "WARNING"),
        ("FAILED frequency 2024-01-01: no", False, "ERROR"),
        ("  frequency: verify failed: it is behind", False, "ERROR"),
        ("enhanced_bigquery_loader.py: bucket b does not exist", False, "ERROR"),
        ("All 11 datasets verified.", False, "INFO"),
        ("deploy_data_collectors.sh: cannot", True, "ERROR"),
        ("deploy_data_collectors.sh: cannot write to /app/logs (disk full or read-only?); going on without logs and report", True, "WARNING"),
    ],
)
def test_severities(line: str, is_error: bool, severity: str) -> None:
    assert json.loads(entry_of(line, is_error))["severity"] == severity


def test_that_nothing_goes_is_told_once_and_so_is_that_it_goes_again(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "told"
    project.env["BMRS_NOTIFY_COMMAND"] = shlex.join(["/bin/sh", "-c", f"cat >> {shlex.quote(str(told))}; echo >> {shlex.quote(str(told))}"])
    what = ("--datasets", "demand_outturn")
    project.plan[f"{LOADER} --check-setup"] = {"exit": 2, "say": f"{LOADER}: bucket b does not exist; make it"}
    for _ in range(2):
        assert project.run(*what).returncode == 2
    (message,) = map(json.loads, told.read_text().splitlines())
    assert message["status"] == "firing"
    assert "bucket b does not exist; make it" in message["text"]
    assert project.run("--dry-run", *what).returncode == 2
    assert len(told.read_text().splitlines()) == 1, "a plan tells nobody"
    project.plan.clear()
    for _ in range(2):
        assert project.run(*what).returncode == 0
    _, after = map(json.loads, told.read_text().splitlines())
    assert after["status"] == "resolved"


def test_what_will_end_is_told_before_the_work_begins(project: Project) -> None:
    project.plan[f"{LOADER} --check-setup"] = {"answer": "WARNING only 5 MB are free for logs\nWARNING the identity token ends"}
    ran = project.run("--datasets", "demand_outturn")
    assert ran.returncode == 0
    assert "  WARNING      only 5 MB are free for logs\n  WARNING      the identity token ends\n" in ran.stdout


def test_a_last_check_without_an_answer_is_told(project: Project, tmp_path: Path) -> None:
    told = tmp_path / "told"
    project.env["BMRS_NOTIFY_COMMAND"] = shlex.join(["/bin/sh", "-c", f"cat >> {shlex.quote(str(told))}"])
    project.plan[f"{LOADER} --verify --report demand_outturn"] = {"kill": 9}
    assert project.run("--datasets", "demand_outturn").returncode == 1
    assert "the last check of the run gave no answer" in told.read_text()


def test_the_values_are_looked_at_since_the_first_run_that_did_not_come_to_its_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert deploy.unchecked([str(tmp_path / "none"), "20240104_063000"]) == 0
    for name in ("deployment_20240101_063000.log", "coverage_20240101_063000.html", "deployment_20240102_063000.log", "deployment_20240103_063000.log"):
        (tmp_path / name).touch()
    assert deploy.unchecked([str(tmp_path), "20240103_063000"]) == 0
    assert capsys.readouterr().out == "20240104_063000\n20240102_063000\n"


def test_what_is_set_up_for_nobody_is_no_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.settings.read_api_env", dict)
    assert deploy.alarm([str(tmp_path / "told"), "it fails", "--project", "my-project"]) == 0
    assert not (tmp_path / "told").exists()
