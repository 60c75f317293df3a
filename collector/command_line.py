"""The command lines of both programs, and nothing that takes time to import.

--help, --list-datasets and wrong use are answered before the libraries of the work are imported (`answer`): in 30 ms
instead of 60.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from datetime import date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import Any, NoReturn

DONE, FAILED, MISUSED = 0, 1, 2
# Flag -> environment variable and default.
PLACES = {
    "--project": ("BMRS_PROJECT", "jibber-jabber-knowledge"),
    "--bucket": ("BMRS_BUCKET", "jibber-jabber-knowledge-bmrs-data"),
    "--dataset-id": ("BMRS_DATASET", "uk_energy_prod"),
}
_PLACE_NAMES = {"--project": "Google Cloud project", "--bucket": "bucket of the day objects", "--dataset-id": "BigQuery dataset of the tables"}
DOWNLOADER, LOADER = "enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"
DEFAULT_WORKERS = 16


def answer(parser: argparse.ArgumentParser) -> None:
    """End here if --help, --list-datasets or a mistake is all there is."""
    try:
        if not parser.parse_args().list_datasets:
            return
        print(list_datasets())
        code = DONE
    except SystemExit as end:
        code = int(end.code or DONE)
    try:
        sys.stdout.flush()
    except OSError:
        # The reader of a pipe has gone, as `| head` does, or the disk is full.
        code = code or FAILED
    os._exit(code)


# Control characters, and those that break or turn around a line.
_CONTROL = {
    i: f"\\x{i:02x}"
    for i in (*range(9), *range(10, 32), *range(127, 160), 0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def printable(text: str) -> str:
    """One line without control characters: what a server sent cannot draw on a terminal or forge a line."""
    return redacted(text).translate(_CONTROL)


_secrets: set[str] = set()


def hide(secret: str) -> None:
    """From now on this text is left out of everything that is told. Shorter than four characters it hides nothing."""
    if len(secret) >= 4:
        _secrets.add(secret)


def redacted(text: str) -> str:
    """`text` without the secrets."""
    for secret in _secrets:
        text = text.replace(secret, "[secret]")
    return text


def list_datasets() -> str:
    """The registry as a readable table: key, description, available from, priority."""
    from datasets_config import REGISTRY

    rows = [("KEY", "FROM", "PRIORITY", "DESCRIPTION")]
    rows += [(d.key, str(d.first_day), d.priority, f"{d.title}: {d.description}") for d in REGISTRY.values()]
    return table(rows)


def table(rows: Iterable[tuple[str, ...]], right: frozenset[int] = frozenset()) -> str:
    """Rows of texts as aligned columns; `right` are the numbers of those aligned right."""
    lines = [tuple(map(str, row)) for row in rows]
    widths = [max(len(row[i]) for row in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))).rstrip()
        for row in lines
    )


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line on stderr and exit code 2, and which takes no abbreviations."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_help_formatter, **kwargs)  # type: ignore[arg-type]
        for action in (None, "store"):
            self.register("action", action, _Once)

    def error(self, message: str) -> NoReturn:
        fail_usage(self.prog, message if "; " in message else f"{message}; see {self.prog} --help")


class _Once(argparse.Action):
    """Takes a flag's value; a second one is refused, for one of the two would be lost."""

    def __call__(self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None) -> None:
        given: set[str] = namespace.__dict__.setdefault("given", set())
        if self.dest in given:
            parser.error(f"{option} is given twice; give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=79)


def fail_usage(prog: str, message: str) -> NoReturn:
    """Say in one line what is wrong and end with exit code 2."""
    print(f"{prog}: {printable(' '.join(str(message).split()))}", file=sys.stderr)
    raise SystemExit(MISUSED)


def parse_day(text: str) -> date:
    """A settlement day from YYYY-MM-DD. Raises ArgumentTypeError for anything else."""
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not a date; write it YYYY-MM-DD, e.g. 2022-03-27")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} does not exist in the calendar; give a day that does") from None


def whole_number(low: int, high: int) -> Callable[[str], int]:
    """A parser for whole numbers from `low` to `high`. Raises ArgumentTypeError for others."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,9}", text, re.ASCII) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text!r} is not possible here; give a whole number from {low} to {high}")
        return int(text)

    return parse


def seconds(text: str) -> float:
    """A parser for seconds from 0 to 3600. Raises ArgumentTypeError for others."""
    if not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", text, re.ASCII) or float(text) > 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not possible here; give seconds from 0 to 3600, e.g. 0.5")
    return float(text)


def timing(text: str) -> tuple[str, list[int]]:
    """KEY=D,L,V: whole seconds that the download, the load and the check of a dataset took. Raises ArgumentTypeError."""
    key, _, times = text.partition("=")
    if not re.fullmatch(r"\d{1,9}(,\d{1,9}){2}", times, re.ASCII):
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=DOWNLOAD,LOAD,CHECK in seconds")
    return dataset_key(key), list(map(int, times.split(",")))


def dataset_key(text: str) -> str:
    """A key of the registry. Raises ArgumentTypeError that names the nearest when there is none."""
    from datasets_config import REGISTRY

    if text in REGISTRY:
        return text
    import difflib

    near = difflib.get_close_matches(text.lower(), REGISTRY, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else "see --list-datasets"
    raise argparse.ArgumentTypeError(f"unknown dataset {text!r}; {hint}")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that both programs have: what to work on and where."""
    what = parser.add_argument_group("what")
    what.add_argument("--datasets", nargs="+", type=dataset_key, metavar="KEY", help="dataset keys, separated by spaces (default: the eleven)")
    what.add_argument("--start-date", type=parse_day, metavar="YYYY-MM-DD", help="first settlement day (default: the first of each dataset)")
    what.add_argument("--end-date", type=parse_day, metavar="YYYY-MM-DD", help="last settlement day, included (default: today)")
    what.add_argument("--list-datasets", action="store_true", help="show every key with what it holds, and exit")
    where = parser.add_argument_group("where")
    for flag, (variable, default) in PLACES.items():
        where.add_argument(flag, metavar="NAME", help=f"{_PLACE_NAMES[flag]} (default: ${variable}, else {default})")
    parser.add_argument("--check-only", action="store_true", help=argparse.SUPPRESS)


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is said."""
    output = parser.add_argument_group("output")
    volume = output.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    volume.add_argument("--verbose", action="store_true", help="every request and every job")


def downloader_parser() -> argparse.ArgumentParser:
    """Of enhanced_elexon_neso_downloader.py."""
    parser = Parser(
        prog=DOWNLOADER,
        usage=f"{DOWNLOADER} [options]",
        description="Collect Elexon BMRS and NESO data into Cloud Storage: one object of raw\nJSON records for each dataset and settlement day.",
        epilog=(
            "examples:\n"
            f"  {DOWNLOADER} --datasets frequency \\\n      --start-date 2024-01-01\n"
            f"  {DOWNLOADER} --datasets market_index \\\n      --start-date 2022-01-01 --end-date 2022-12-31 --max-days 31\n"
            f"  {DOWNLOADER} --dry-run\n\n"
            "exit codes: 0 all done, 1 some days failed, 2 wrong use or set-up,\n            130 stopped by Ctrl-C, 143 by SIGTERM"
        ),
    )
    add_common_arguments(parser)
    how = parser.add_argument_group("how")
    how.add_argument("--max-days", type=whole_number(1, 366), default=7, metavar="N", help="most days in one API request (default: 7)")
    how.add_argument("--max-workers", type=whole_number(1, 64), default=DEFAULT_WORKERS, metavar="N", help=f"most requests at one time (default: {DEFAULT_WORKERS})")
    how.add_argument("--request-delay", type=seconds, default=0.0, metavar="SECONDS", help="least time between requests (default: 0, as fast as the API allows)")
    how.add_argument("--force", action="store_true", help="fetch even what is stored and settled")
    how.add_argument("--dry-run", action="store_true", help="show the plan and its cost; change nothing")
    # The deploy script's: whether the sources are alive, before anything is begun; for the programs of the run in FILE.
    how.add_argument("--check-source", metavar="FILE", help=argparse.SUPPRESS)
    add_output_arguments(parser)
    return parser


def _report_file(text: str) -> Path:
    from collector.coverage_report import report_file

    return report_file(text)


def loader_parser() -> argparse.ArgumentParser:
    """Of enhanced_bigquery_loader.py."""
    parser = Parser(
        prog=LOADER,
        usage=f"{LOADER} [options]",
        description="Load the stored day objects into BigQuery tables; check schemas and\ncompleteness.",
        epilog=(
            "examples:\n"
            f"  {LOADER} --datasets frequency --start-date 2024-01-01\n"
            f"  {LOADER} --verify --output json\n"
            f"  {LOADER} --validate-schema --datasets market_index\n\n"
            "exit codes: 0 all done, 1 some days failed or a check found something,\n            2 wrong use or set-up, 130 stopped by Ctrl-C, 143 by SIGTERM"
        ),
    )
    add_common_arguments(parser)
    how = parser.add_argument_group("how")
    how.add_argument("--max-workers", type=whole_number(1, 64), default=4, metavar="N", help="parallel load jobs for each dataset (default: 4)")
    how.add_argument("--force", action="store_true", help="load even what is loaded")
    how.add_argument("--dry-run", action="store_true", help="show the plan and its cost; change nothing")
    checks = parser.add_argument_group("instead of loading").add_mutually_exclusive_group()
    checks.add_argument("--verify", action="store_true", help="compare calendar, objects and tables day by day")
    checks.add_argument("--validate-schema", action="store_true", help="compare registry, tables and the fields of the source")
    checks.add_argument("--update-schema", action="store_true", help="add missing columns, tables and descriptions")
    checks.add_argument("--check-setup", action="store_true", help=argparse.SUPPRESS)
    add_output_arguments(parser)
    verification = parser.add_argument_group("with --verify")
    verification.add_argument("--output", choices=["text", "json"], default="text", help="for people or for machines (default: text)")
    verification.add_argument("--report", type=_report_file, metavar="FILE.html", help="also write a coverage report: one page for any browser")
    # The deploy script's: what a page that is drawn at the end of a run cannot know by itself.
    verification.add_argument("--timings", nargs="+", type=timing, default=[], help=argparse.SUPPRESS)
    verification.add_argument("--counts-only", action="store_true", help="leave out the checks of the values, which read the whole range")
    verification.add_argument("--without-source", action="store_true", help="do not ask Elexon how many rows it has of each day (BOALF, FREQ, NETBSAD, DISBSAD)")
    return parser
