"""Runs one of the programs and tells, as a last line of JSON on stderr, what an outside view cannot see.

    python3 benchmarks/child.py [--set=NAME=NUMBER ...] PROGRAM ARG...

seconds: of the run itself, without start-up, for each dataset. requests, connections: HTTP requests and TCP
connections for each host and port. jobs: what was sent to BigQuery to be done. bodies: bytes of answers when unpacked. --set: overrides a number of the program, e.g. the days of a batch.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


def main(words: list[str]) -> None:
    overrides = [word.removeprefix("--set=").split("=") for word in words if word.startswith("--set=")]
    program, *arguments = words[len(overrides) :]
    module: Any = importlib.import_module(program.removesuffix(".py"))
    from urllib3.connectionpool import HTTPConnectionPool

    from benchmarks.bill import recorded
    from collector import command_line

    for name, value in overrides:
        setattr(module, name, int(value))
    requests: Counter[str] = Counter()
    connections: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    bodies: dict[str, int] = {}
    jobs: list[dict[str, Any]] = []
    send, connect, summary = HTTPConnectionPool.urlopen, HTTPConnectionPool._new_conn, module.summary

    def counted_send(self: Any, method: str, url: str, *rest: Any, **more: Any) -> Any:
        requests[f"{self.host}:{self.port}"] += 1
        return send(self, method, url, *rest, **more)

    def counted_connect(self: Any) -> Any:
        connections[f"{self.host}:{self.port}"] += 1
        return connect(self)

    def told_summary(results: list[Any]) -> str:
        seconds.update({result.dataset.key: result.seconds for result in results})
        bodies.update(
            {result.dataset.key: result.traffic.body_bytes for result in results if hasattr(result, "traffic")}
        )
        return summary(results)  # type: ignore[no-any-return]

    HTTPConnectionPool.urlopen, HTTPConnectionPool._new_conn, module.summary = (
        counted_send,
        counted_connect,
        told_summary,
    )  # type: ignore[method-assign]

    def run() -> int:
        with recorded(jobs):
            code = module.main(arguments)
        print(
            json.dumps(
                {"seconds": seconds, "requests": requests, "connections": connections, "bodies": bodies, "jobs": jobs}
            ),
            file=sys.stderr,
        )
        return code  # type: ignore[no-any-return]

    command_line.run(program, run)


if __name__ == "__main__":
    main(sys.argv[1:])
