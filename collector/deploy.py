"""What deploy_data_collectors.sh asks of Python: it keeps processes, this keeps data.

python3 -m collector.deploy plan [--start-date D ...]   the effective settings, and what a run works on: NAME=value lines
python3 -m collector.deploy verdict FILE                what the verification of one dataset found: DAYS ROWS yes|no TEXT
python3 -m collector.deploy summary --outcomes FILE ... how a run ended; exit code 0 only where all is right
python3 -m collector.deploy alarm FILE TEXT [FLAG ...]  tell people that nothing goes; with an empty TEXT, that it does again
python3 -m collector.deploy unchecked FOLDER STAMP       when the oldest run began of whose work the values were not looked at
python3 -m collector.deploy entries FOLDER COMMAND ...  run COMMAND in FOLDER; each line that it says becomes a log entry in JSON
python3 -m collector.deploy next FOLDER [FLAG ...]      what to type in FOLDER after a demonstration with these flags
"""

from __future__ import annotations

from collector.base import early

if __name__ == "__main__":
    early.heed("deploy_data_collectors.sh")

import argparse
import contextlib
import json
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from collector import command_line, local_query
from collector.base.errors import DONE, FAILED
from collector.base.names import DEPLOYER
from collector.base.outcomes import OK, Outcome, counted, logs_of, read_outcomes, reason
from collector.base.text import entry
from collector.command_line import Parser

# Worst first: nothing fetched, nothing loaded, something not as it should be.
_FAILURES = ("download failed", "load failed", "verify failed")
_LOSSES = ("surplus_days", "altered_days", "differing_days", "behind_source_days", "missing_days", "unloaded_days")
_NEXT = (
    "The same command again does what is missing and asks again for what the source lacks; "
    "what an account, a setting or a table lacks, a person must mend."
)


# ------------------------------------------------------------------------------------------------------------ a dataset's end
def verdict(argv: list[str]) -> int:
    """Print what the loader's answer in a file says of its one dataset; nothing, and FAILED, where it is none."""
    try:
        (found,) = _verified(Path(argv[0]))
        print(counted(found))
    except (OSError, ValueError, KeyError, TypeError):
        return FAILED
    return DONE


def _verified(answer: Path) -> list[dict[str, Any]]:
    """Each dataset in the answer of `--verify --output json`. Raises OSError, ValueError, KeyError, TypeError."""
    datasets: list[dict[str, Any]] = json.loads(answer.read_text(encoding="utf-8"))["datasets"]
    return datasets


# --------------------------------------------------------------------------------------------------------------- a run's end
def summary(argv: list[str]) -> int:
    """Print what became of the datasets of a run. Returns DONE only where all of them are as they should be.

    Without --coverage, the answer of the last check, the run was stopped: the table is all that is said. Raises OSError.
    """
    parser = Parser(prog=DEPLOYER, add_help=False)
    parser.add_argument("--outcomes", type=Path, required=True)
    parser.add_argument("--datasets", nargs="+", required=True)
    parser.add_argument("--coverage", type=Path)
    for flag in ("--page", "--logs"):
        parser.add_argument(flag, type=Path, default=Path())
    parser.add_argument("--stamp", default="")
    parser.add_argument("--demo", action="store_true")
    arguments = parser.parse_args(argv)
    keys: list[str] = arguments.datasets
    outcomes = read_outcomes(arguments.outcomes)
    found = _found_wrong(arguments.coverage, keys) if arguments.coverage else {}
    causes = {key: found.get(key, "") for key in keys}
    for key, outcome in outcomes.items():
        if outcome.status == OK and key in found:
            outcomes[key] = outcome._replace(status=_FAILURES[-1])
        elif outcome.status != OK:
            causes[key] = reason(logs_of(arguments.logs, key, arguments.stamp), key) or outcome.said or causes[key]
    failed = [key for key in keys if key not in outcomes or outcomes[key].status != OK]
    print(_table(keys, outcomes))
    if arguments.coverage:
        print()
        if not failed:
            print("The dataset is verified." if len(keys) == 1 else f"All {len(keys)} datasets verified.")
        else:
            print("\n".join(_failures(arguments, outcomes, causes, failed)))
        is_drawn = arguments.page.is_file() and arguments.page.stat().st_size
        print(f"Coverage report: {arguments.page}" if is_drawn else "No coverage report could be written.")
    return FAILED if failed else DONE


def _found_wrong(coverage: Path, keys: Sequence[str]) -> dict[str, str]:
    """Key -> what the last check found, for each dataset that is not right: all of them where there is no answer to read."""
    wrong = {}
    try:
        for found in _verified(coverage):
            if found["ok"] is not True:
                lost = {name: found[name] for name in _LOSSES if found.get(name)}
                days = ", ".join(
                    f"{len(days)} {name[:-5].replace('_', ' ')} (first {days[0]})" for name, days in lost.items()
                )
                wrong[found["dataset"]] = "; ".join(filter(None, (*found.get("alarms", ()), found.get("error"), days)))
    except (OSError, ValueError, KeyError, TypeError):
        return dict.fromkeys(keys, "the last check gave no answer: neither the source nor the values were looked at")
    return wrong


def _table(keys: list[str], outcomes: dict[str, Outcome]) -> str:
    rows = [("dataset", "days", "rows", "status", "seconds")]
    for key in keys:
        got = outcomes.get(key)
        rows.append(
            (key, got.days, got.rows, got.status, str(sum(got.seconds))) if got else (key, "-", "-", "not started", "-")
        )
    width = max(20, *map(len, keys))
    return "\n".join(
        f"{key:<{width}} {days:>11} {count:>15}  {status:<15} {took:>7}" for key, days, count, status, took in rows
    )


def _failures(
    arguments: argparse.Namespace, outcomes: dict[str, Outcome], causes: dict[str, str], failed: list[str]
) -> list[str]:
    """What is not right, a line a dataset, worst first. Then all of it in one line and what happens next, so that whoever
    reads only the end knows."""
    lines, names = [], []
    if not arguments.demo and any(
        re.search("cannot be reached.*--demo", logs_of(arguments.logs, key, arguments.stamp))
        for key in arguments.datasets
    ):
        lines.append(
            "The API cannot be reached from here. To try the system without internet: deploy_data_collectors.sh --demo"
        )
    for status in _FAILURES:
        # One cause, as an outage of the source, is told once.
        by_cause: dict[str, list[str]] = {}
        for key in failed:
            if key in outcomes and outcomes[key].status == status:
                by_cause.setdefault(causes[key], []).append(key)
        for cause, keys in by_cause.items():
            told = ", ".join(keys)
            lines.append(f"  {told}: {status}: {cause or f'see {arguments.logs}'}")
            names.append(f"{told} ({cause[:90]})")
    told = ", ".join(names)
    told = told if len(told) <= 600 else f"{told[:600]} ..."
    logs = f"{arguments.logs}/{{deployment,download_<dataset>,load_<dataset>}}_{arguments.stamp}.log"
    return [*lines, f"{len(failed)} of {len(arguments.datasets)} datasets failed: {told}; reasons in {logs}", _NEXT]


# ---------------------------------------------------------------------------------------------------------- told to others
_LINE = re.compile(r"([0-9-]{10}T[0-9:]{8}Z) (DEBUG|INFO|WARNING|ERROR|CRITICAL) +(.*)")
_WRONG = re.compile(
    r"(FAILED|SOURCE|OVERDUE) |[a-z_]+\.(py|sh): |.*: (download|load|verify) failed|\d+ of \d+ datasets failed"
)


def entry_of(line: str, is_error: bool) -> str:
    """A line that something of a run has said, as a log entry. is_error: it came on stderr."""
    if found := _LINE.fullmatch(line):
        time, severity, message = found.groups()
        return entry(severity, message, time)
    if line.lstrip().startswith("WARNING ") or "; going on without " in line:
        return entry("WARNING", line.strip())
    return entry("ERROR" if is_error or _WRONG.match(line) else "INFO", line)


def entries(argv: list[str]) -> int:
    """Run a command and tell all that it says as log entries, on stdout and stderr as it does. Returns its exit code."""
    folder, *command = argv
    child = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: child.send_signal(number))

    def pass_on(source: Iterable[str], target: TextIO, is_error: bool) -> None:
        for line in source:
            if line.strip():
                with contextlib.suppress(OSError):
                    print(entry_of(line.rstrip(), is_error), file=target, flush=True)

    streams: Sequence[tuple[Any, TextIO, bool]] = ((child.stdout, sys.stdout, False), (child.stderr, sys.stderr, True))
    threads = [threading.Thread(target=pass_on, args=one) for one in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    code = child.wait()
    return code if code >= 0 else 128 - code


def unchecked(argv: list[str]) -> int:
    """Print when the oldest run began whose work no check of the values has seen: this one, whose stamp comes second, or one
    before it that was cut off, for a run that comes to its end leaves a page in the folder of the logs."""
    logs, since = Path(argv[0]), ""
    for log in sorted(logs.glob("deployment_*.log")):
        stamp = log.stem.partition("_")[2]
        since = "" if (logs / f"coverage_{stamp}.html").exists() else since or stamp
    print(since or argv[1])
    return DONE


def what_next(argv: list[str]) -> int:
    """Print the commands by which to look at a demonstration's tables, to be pasted into a shell that is in the folder that
    comes first; flags that say in which project and dataset the tables are follow."""
    folder, *places = argv
    asked = [word for pair in zip(places[::2], places[1::2], strict=True) if pair[0] != "--bucket" for word in pair]
    root = Path(__file__).resolve().parent.parent
    program, python = (
        path if Path(folder) != root else path.relative_to(root)
        for path in (root / "local_cloud.py", root / ".venv/bin/python")
    )
    local_cloud = shlex.join([str(python), str(program)])
    flags = shlex.join(["--demo", *asked])
    sql = "SELECT settlement_date, COUNT(*) AS half_hours FROM elexon_demand_outturn GROUP BY 1 ORDER BY 1"
    client = textwrap.indent(local_query.CLIENT, "    ").rstrip()
    print(f"""\
To ask these tables (a table; --csv FILE, --json or --parquet FILE for programs):
  {local_cloud} query {flags} "{sql}"
To have them served until Ctrl-C, for BigQuery's clients, in another terminal:
  {local_cloud} serve {flags}
It prints what to export; then, in {shlex.quote(str(python))}:
{client}
    for row in client.query_and_wait("{sql}"):
        print(row.settlement_date, row.half_hours)""")
    return DONE


def plan(argv: list[str]) -> int:
    """See run_plan.plan."""
    # The other questions are asked for each dataset, and have no use for the settings and the registry.
    from collector import run_plan

    return run_plan.plan(argv)


def alarm(argv: list[str]) -> int:
    """See alarm.alarm."""
    # As for the plan; and that one is asked for before the packages are there.
    from collector.alarm import alarm

    return alarm(argv)


ANSWERS = {
    "plan": plan,
    "verdict": verdict,
    "summary": summary,
    "alarm": alarm,
    "unchecked": unchecked,
    "entries": entries,
    "next": what_next,
}

if __name__ == "__main__":
    command_line.run(DEPLOYER, lambda: ANSWERS[sys.argv[1]](sys.argv[2:]))
