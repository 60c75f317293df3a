"""Runs one of the programs and tells, as a last line of JSON on stderr, what an outside view cannot see.

    python3 benchmarks/child.py [--cores=N] [--set=NAME=NUMBER ...] -- PROGRAM ARG...

seconds: of the run itself, without start-up, for each dataset. requests, connections: HTTP requests and TCP
connections for each host and port. jobs: what was sent to BigQuery to be done. bodies: bytes of answers when unpacked.
peak: MB; processes: the same of each that it started and ended. --set: overrides a number of a module (NAME with dots), e.g. the days
of a batch. --cores: so many are all that there are.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(words: list[str]) -> None:
    options = [word.removeprefix("--").split("=") for word in words[: words.index("--")]]
    program, *arguments = words[words.index("--") + 1 :]
    for _, number in (option for option in options if option[0] == "cores"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(number)])
    module: Any = importlib.import_module(program.removesuffix(".py"))
    outcome: Any = importlib.import_module(f"collector.{'source' if 'downloader' in program else 'warehouse'}.outcome")
    from urllib3.connectionpool import HTTPConnectionPool

    from benchmarks.bill import recorded
    from collector import command_line

    for _, name, value in (option for option in options if option[0] == "set"):
        place, _, name = name.rpartition(".")
        setattr(importlib.import_module(place), name, int(value))
    requests: Counter[str] = Counter()
    connections: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    bodies: dict[str, int] = {}
    jobs: list[dict[str, Any]] = []
    processes: list[float] = []
    send, connect, summary = HTTPConnectionPool.urlopen, HTTPConnectionPool._new_conn, outcome.summary
    kill = subprocess.Popen.kill

    def counted_send(self: Any, method: str, url: str, *rest: Any, **more: Any) -> Any:
        requests[f"{self.host}:{self.port}"] += 1
        return send(self, method, url, *rest, **more)

    def counted_connect(self: Any) -> Any:
        connections[f"{self.host}:{self.port}"] += 1
        return connect(self)

    def measured_kill(process: Any) -> None:
        processes.append(_peak(process.pid))
        kill(process)

    def told_summary(results: list[Any], *more: Any) -> str:
        seconds.update({result.dataset.key: result.seconds for result in results})
        bodies.update(
            {result.dataset.key: result.traffic.body_bytes for result in results if hasattr(result, "traffic")}
        )
        return summary(results, *more)  # type: ignore[no-any-return]

    HTTPConnectionPool.urlopen, HTTPConnectionPool._new_conn, outcome.summary = (
        counted_send,
        counted_connect,
        told_summary,
    )  # type: ignore[method-assign]
    subprocess.Popen.kill = measured_kill  # type: ignore[method-assign]

    def run() -> int:
        with recorded(jobs):
            code = module.main(arguments)
        print(
            json.dumps(
                {
                    "seconds": seconds,
                    "requests": requests,
                    "connections": connections,
                    "bodies": bodies,
                    "jobs": jobs,
                    "processes": processes,
                    "peak": _peak(os.getpid()),
                }
            ),
            file=sys.stderr,
        )
        return code  # type: ignore[no-any-return]

    command_line.run(program, run)


def _peak(process: int) -> float:
    """The most memory of a process, MB; 0 where the system does not tell. Not getrusage: that begins with the memory of
    who started the process."""
    if sys.platform != "linux":
        return 0.0
    peak = re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(peak[1]) / 1024 if peak else 0.0


if __name__ == "__main__":
    main(sys.argv[1:])
