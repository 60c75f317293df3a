"""The stand-in as a program: see the package's description."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

from standin.faults import FAULTS
from standin.server import ApiStandin


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        print(f"api_standin.py: {message}; see --help", file=sys.stderr)
        raise SystemExit(2)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="api_standin.py",
        description="Local stand-in for the Elexon and Carbon Intensity APIs. All data is made up.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="serve|run")
    serve = commands.add_parser("serve", help="serve until Ctrl-C or SIGTERM; prints two export lines")
    run = commands.add_parser(
        "run",
        help="serve while COMMAND runs, with both base URLs set for it",
        usage="api_standin.py run [options] -- COMMAND ARG...",
    )
    for command in (serve, run):
        add = command.add_argument
        add("--port", type=int, default=0, help="0 = any free port (default)")
        add("--now", help="what 'now' is for the data, e.g. 2024-06-01T00:00Z (default: the clock)")
        add("--scale", type=float, default=1.0, help="0..1: thinner series, same calendar (default 1)")
        add(
            "--b1610-units",
            type=int,
            default=12,
            help="units of individual generation (real: 9177; default 12)",
        )
        add("--boalf-per-day", type=int, default=300, help="acceptance rows a day (real: 27000; default 300)")
        add("--no-gaps", dest="gaps", action="store_false", help="leave out the source's own holes and nulls")
        add("--no-gzip", dest="gzip", action="store_false", help="never compress")
        add("--latency", type=float, default=0.0, help="seconds before every answer")
        add("--rate-limit", type=float, default=0.0, help="requests a second; 429 beyond")
        add(
            "--retry-after",
            type=int,
            default=1,
            help="seconds told with a 429 (negative: not told; default 1)",
        )
        add(
            "--faults",
            default="",
            help="comma-separated names, 'all', '-name' leaves one out: " + ", ".join(FAULTS),
        )
        add("--fault-rate", type=float, default=0.0, help="0..1 of the requests")
        add("--seed", type=int, default=0)
        add(
            "--max-in-a-row",
            type=int,
            default=3,
            help="failures of one URL before it is answered (default 3)",
        )
        add("--hang-seconds", type=float, default=60.0)
        add("--trickle-seconds", type=float, default=30.0)
        add("--replay", metavar="CSV", help="serve FUELHH and demand of a gb-grid-margin CSV")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    words = list(sys.argv[1:] if argv is None else argv)
    cut = words.index("--") if "--" in words else len(words)
    words, command = words[:cut], words[cut + 1 :]
    options = vars(_parser().parse_args(words))
    mode, replay = options.pop("command"), options.pop("replay")
    if (mode == "run") != bool(command):
        print("api_standin.py: run needs a command after --, serve takes none; see --help", file=sys.stderr)
        return 2
    if options["retry_after"] < 0:
        options["retry_after"] = None
    try:
        api = ApiStandin(**options)
        if replay:
            api.load_csv(replay)
        api.start()
    except (OSError, ValueError, OverflowError) as error:
        print(
            f"api_standin.py: cannot start: {error}; choose other options (a port may be busy)",
            file=sys.stderr,
        )
        return 2
    print(
        "api_standin.py: *** THE DATA SERVED HERE IS MADE UP: it says nothing about the real grid ***",
        file=sys.stderr,
        flush=True,
    )
    try:
        return _serve(api) if mode == "serve" else _run(api, command)
    finally:
        api.stop()


def _serve(api: ApiStandin) -> int:
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopped.append(received))
    for name, value in api.environment.items():
        print(f"export {name}={value}", flush=True)
    while not stopped:
        time.sleep(0.1)
    return 128 + stopped[0]


def _run(api: ApiStandin, command: list[str]) -> int:
    hosts = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1,localhost"]))
    environment = {**os.environ, **api.environment, "NO_PROXY": hosts, "no_proxy": hosts}
    came: list[int] = []
    children: list[subprocess.Popen[bytes]] = []

    def pass_on(received: int, _frame: object) -> None:
        came.append(received)
        for child in children:
            child.send_signal(received)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as error:
        print(
            f"api_standin.py: cannot run {command[0]!r}: {error.strerror}; give a command that exists",
            file=sys.stderr,
        )
        return 2
    children.append(child)
    for number in came:
        child.send_signal(number)
    code = child.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    sys.exit(main())
