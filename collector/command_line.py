"""What both command lines have in common, and nothing that takes time to import.

Help, the list of datasets and wrong use are answered before the libraries of the work are there: in 30 ms instead of 300.
"""

from __future__ import annotations

import argparse
import difflib
import itertools
import os
import re
import sys
from datetime import date, datetime, timezone
from pathlib import Path

from collector.base.errors import DONE, FAILED, MISUSED, Stopped, UsageError, internal
from collector.base.names import PLACES, VERSION
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import entry, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

_PLACE_NAMES = {
    "--project": "Google Cloud project",
    "--bucket": "bucket of the day objects",
    "--dataset-id": "BigQuery dataset of the tables",
}


def list_datasets(screen: Screen = EVERYTHING) -> str:
    """The registry as a readable table."""
    # The registry takes as long as all else of a start; --help has no use for it.
    from collector import catalogue

    return catalogue.listing(screen)


class Parser(argparse.ArgumentParser):
    """argparse whose complaints are one line on stderr and exit code 2, and which takes no abbreviations."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_help_formatter, **kwargs)  # type: ignore[arg-type]
        for action in (None, "store"):
            self.register("action", action, _Once)

    def error(self, message: str) -> NoReturn:
        unknown = message.removeprefix("unrecognized arguments: ").partition(" ")[0].partition("=")[0]
        if unknown.startswith("--") and not message.startswith("argument "):
            options = list(self._option_string_actions)
            near = [option for option in options if option.startswith(f"{unknown}-")]
            near += difflib.get_close_matches(unknown, options, n=1)
            message += f"; did you mean {near[0]}?" if near else ""
        tell(misuse(self.prog, message if "; " in message else f"{message}; see {self.prog} --help"))
        raise SystemExit(MISUSED)


class _Once(argparse.Action):
    """Takes a flag's value; a second one is refused, for one of the two would be lost."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option: str | None = None
    ) -> None:
        given: set[str] = namespace.__dict__.setdefault("given", set())
        if self.dest in given:
            parser.error(f"{option} is given twice; give it once")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def _help_formatter(prog: str) -> argparse.HelpFormatter:
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=79)


def misuse(prog: str, message: str) -> str:
    """What is wrong with the use of a program, in one line."""
    return f"{prog}: {printable(' '.join(message.split()))}"


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


def stamp(text: str) -> datetime:
    """YYYYMMDD_HHMMSS as in the names of the logs, local time; as UTC, the earlier of two. Raises ArgumentTypeError."""
    try:
        return datetime.strptime(text, "%Y%m%d_%H%M%S").astimezone(timezone.utc)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not YYYYMMDD_HHMMSS") from None


def new_file(text: str) -> Path:
    """A file that can be written. Raises ArgumentTypeError for one that cannot."""
    path = Path(text)
    try:
        is_usable = bool(text) and not path.is_dir()
    except OSError:
        is_usable = False
    if not is_usable:
        raise argparse.ArgumentTypeError(f"{text!r} is no file name; give one such as coverage.html")
    if not path.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder of {text!r} does not exist; make it first")
    return path


def dataset_names(text: str) -> tuple[str, ...]:
    """Keys of the registry from keys, the source's codes in any case, groups, `core` and `all`, separated by commas. Raises
    ArgumentTypeError that says of a name what it might have been, or why that set is not collected."""
    # As in list_datasets.
    from collector import catalogue

    return tuple(key for name in text.split(",") for key in catalogue.keys_of(name))


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags that both programs have: what to work on and where."""
    what = parser.add_argument_group("what")
    what.add_argument(
        "--datasets",
        nargs="+",
        type=dataset_names,
        metavar="KEY",
        help="keys, codes or groups, separated by spaces or commas; all (default: core, the eleven)",
    )
    what.add_argument(
        "--start-date",
        type=parse_day,
        metavar="YYYY-MM-DD",
        help="first settlement day (default: the first of each dataset)",
    )
    what.add_argument(
        "--end-date", type=parse_day, metavar="YYYY-MM-DD", help="last settlement day, included (default: today)"
    )
    what.add_argument("--list-datasets", action="store_true", help="show every key with what it holds, and exit")
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}", help="show the version, and exit")
    where = parser.add_argument_group("where")
    for flag, (variable, default) in PLACES.items():
        where.add_argument(flag, metavar="NAME", help=f"{_PLACE_NAMES[flag]} (default: ${variable}, else {default})")


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """How much is said."""
    output = parser.add_argument_group("output")
    volume = output.add_mutually_exclusive_group()
    volume.add_argument("--quiet", action="store_true", help="only warnings, errors and the summary")
    volume.add_argument("--verbose", action="store_true", help="every request and every job")
    output.add_argument(
        "--log-format",
        choices=["text", "json"],
        default="text",
        help="of what is told on stderr; json: an object a line, as Cloud Logging reads them (default: text)",
    )


def check_status_flags(arguments: argparse.Namespace) -> None:
    """Raises UsageError for flags that do not go with --status, or without it."""
    if arguments.max_age and not arguments.status:
        raise UsageError("--max-age goes with --status; add --status or leave it out")
    if arguments.status and (arguments.start_date or arguments.end_date):
        raise UsageError("--status is of now; leave --start-date and --end-date out")


def tell(text: str) -> None:
    """What ends a program, on stderr, in the format that the log has."""
    words = sys.argv[1:]
    if "--log-format=json" in words or ("--log-format", "json") in itertools.pairwise(words):
        text = entry("ERROR", text)
    print(text, file=sys.stderr)


def run(prog: str, main: Callable[[], int]) -> NoReturn:
    """Run a program's main and end the process with its exit code; one line for what the user can mend."""
    try:
        code = main()
        sys.stdout.flush()
    except SystemExit as end:
        # Help was asked for, or what was typed is wrong, and is told.
        code = int(end.code or DONE)
    except UsageError as error:
        tell(misuse(prog, str(error)))
        code = MISUSED
    except Stopped as stopped:
        tell(f"{prog}: stopped before anything was begun")
        code = 128 + stopped.args[0]
    except BrokenPipeError:
        # The reader of a pipe has gone (as `| head` does); nothing is left to say to it.
        code = FAILED
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        tell(f"{prog}: {error.strerror or error} ({error.filename or 'output'}); free space or mend it and run again")
        code = FAILED
    except Exception as error:
        # Where no dataset can be blamed: a plan, or the schemas. By now there is nothing to be quick for.
        import logging

        logging.getLogger("collector").debug("internal error", exc_info=True)
        if type(error).__module__.startswith("google."):
            from collector.cloud import refusals

            text = refusals.trouble("BigQuery" if "bigquery" in str(error).lower() else "Cloud Storage", error).text
        else:
            text = f"{internal(error)}; --verbose tells where"
        tell(f"{prog}: {text}")
        code = FAILED
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or FAILED
    # Worker threads may sit in a socket read for a minute; all they do is atomic at the server.
    os._exit(code)
