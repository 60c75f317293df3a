"""What is seen while a program works: live lines on a terminal, log lines elsewhere, colour only where it is wanted."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest
from conftest import DOWNLOADER, LOADER, Place, drawn_on

from collector.base.progress import Progress

WHICH = ("--datasets", "market_index", "--start-date", "2024-01-05", "--end-date", "2024-01-18", "--max-days", "1")
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[(?!0?m)[0-9;]*m")


def test_lines_for_the_deploy_script_to_show(place: Place) -> None:
    """It stands between the program and the terminal; the lines for its eyes begin with a record separator."""
    lines = place.run(DOWNLOADER, *WHICH, COLLECTOR_LIVE_LINES="yes").ok().err.split("\n")
    live = [line for line in lines if line.startswith("\x1e")]
    assert live
    assert re.fullmatch(r"\x1emarket_index: 14 of 14 days, about 0 s left, [\d.]+ req/s, 0 retries, [\d.]+ MB, 1,344 rows", live[-1]), live
    assert not any("\x1e" in line for line in place.run(DOWNLOADER, *WHICH, "--quiet", COLLECTOR_LIVE_LINES="yes").ok().err.split("\n"))


def on_a_terminal(place: Place, program: str, *arguments: str, status: int = 0, **env: str) -> str:
    """What a program draws on a terminal of 160 columns."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(place.programs / program), *arguments], env=place.env | {"TERM": "xterm-256color", "COLUMNS": "160"} | env,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its,
    )  # fmt: skip
    os.close(its)
    drawn = drawn_on(ours)
    assert process.wait(timeout=60) == status
    return drawn


def test_a_terminal_shows_a_live_line_for_each_dataset(place: Place) -> None:
    drawn = on_a_terminal(place, DOWNLOADER, *WHICH)
    last = ANSI.sub("", drawn).replace("\r", "\n").strip().rpartition("\n")[2]
    assert re.fullmatch(r"market_index .* 14/14 +\S+ +\d+\.\d req/s, 0 retries, \d+\.\d MB, 1,344 rows *", last), last
    assert COLOUR.search(drawn)
    drawn = on_a_terminal(place, LOADER, *WHICH[:-2])
    assert re.search(r"market_index .* 14/14 .*1 load jobs, 1,344 rows", ANSI.sub("", drawn))


def test_no_color_is_honoured(place: Place) -> None:
    drawn = on_a_terminal(place, DOWNLOADER, *WHICH, NO_COLOR="1")
    assert "14/14" in drawn
    assert not re.search(r"\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;m]", drawn)


@pytest.mark.parametrize("more", [("--quiet",), ("TERM",)])
def test_quiet_and_a_dumb_terminal_have_no_live_line(place: Place, more: tuple[str, ...]) -> None:
    drawn = on_a_terminal(place, DOWNLOADER, *WHICH, TERM="dumb") if more == ("TERM",) else on_a_terminal(place, DOWNLOADER, *WHICH, *more)
    assert "14/14" not in drawn
    assert not ANSI.search(drawn)


def test_elsewhere_a_log_line_tells_now_and_then(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.base.progress.LOG_EVERY", 0.0)
    err = place.download(*WHICH, "--max-workers", "1").ok().err
    assert re.search(r"INFO    market_index: \d+ of 14 days, about \d+ s left, \d+\.\d req/s, 0 retries, 0\.\d MB, [0-9,]+ rows\n", err)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", err), "a log holds no control characters"


def test_several_datasets_have_a_line_for_all_and_a_verification_has_one(place: Place) -> None:
    both = ("--datasets", "market_index", "demand_outturn", *WHICH[2:-2])
    drawn = ANSI.sub("", on_a_terminal(place, DOWNLOADER, *both))
    assert re.search(r"in all +\S+ 1/2 ", drawn)
    assert re.search(r"in all +\S+ 2/2 ", drawn)
    drawn = ANSI.sub("", on_a_terminal(place, LOADER, "--verify", "--counts-only", *both, status=1))
    assert re.search(r"verify +\S+ [01]/2 ", drawn)
    assert re.search(r"verify +\S+ 2/2 ", drawn)
    assert "INFO" not in drawn, "what goes on is told by the line"


def test_how_far_a_run_is_counts_the_work_of_its_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000_100.0)
    one = Progress(True, [1.0])
    one.begin()
    assert one.advance(0.5) == "", "its own line says it"
    several = Progress(True, [30.0, 10.0])
    several.begin()
    assert several.advance(1.0).startswith("; in all 75%, about ")
    several.begin()
    assert several.advance(0.0).startswith("; in all 75%")
    # A step of the deploy script, whose run began 100 s ago: from 20 % to 60 % of that.
    monkeypatch.setenv("COLLECTOR_WHOLE", "1000000 200 600")
    step = Progress(True, [1.0])
    step.begin()
    assert step.advance(0.0) == "; in all 20%, about 7 min left"
    assert step.advance(0.5) == "; in all 40%, about 2 min left"
