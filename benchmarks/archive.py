"""What a run with nothing to do takes over hundreds of thousands of stored days: beside their bare listing, in turns.

    python3 benchmarks/archive.py [DAYS] [ROUNDS]

The bucket is simulated by a process that answers with pages of objects as Cloud Storage does, all metadata in them; nothing
is stored. `bare` pages through them; `plan` makes of them what the downloader does before its first request: the stored
days, and the days to fetch. Seconds, peak memory and the days that were decided on, each in a process of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from benchmarks.lab import Ran, median, process, side_by_side
from collector.base.gb_calendar import utc_text
from collector.days import Stored, Task, days_to_fetch
from collector.storage.day_objects import LISTED, PAGE, DayStore, object_name, pack
from collector.storage.profile import Profile, encode
from datasets_config import REGISTRY

FIRST, LAST, NOW = date(2016, 1, 1), date(2026, 12, 31), datetime(2028, 9, 1, tzinfo=timezone.utc)


def tasks(count: int) -> list[Task]:
    """Datasets that are asked for by days, in the registry's order, until they have so many days."""
    found, days = list[Task](), 0
    for dataset in REGISTRY.values():
        if dataset.files or dataset.endpoint.is_snapshot or dataset.last_day or days >= count:
            continue
        found.append(Task(dataset, max(FIRST, dataset.first_day), LAST))
        days += (LAST - found[-1].first).days + 1
    return found


class _Bucket(BaseHTTPRequestHandler):
    """Pages of objects: every day of the range that is asked for is stored and whole."""

    protocol_version = "HTTP/1.1"
    items: ClassVar[dict[str, str]] = {}

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        answer: Any = b"{}"
        if "prefix" in asked:
            key = asked["prefix"].split("/")[1]
            first, end = (
                date.fromisoformat(re.findall(r"\d{4}-\d\d-\d\d", asked[name])[0])
                for name in ("startOffset", "endOffset")
            )
            first = max(first, FIRST, REGISTRY[key].first_day) + timedelta(int(asked.get("pageToken", 0)))
            days = [first + timedelta(n) for n in range(min(PAGE, (min(end, LAST + timedelta(1)) - first).days))]
            item, more = self.items.setdefault(key, _item(key)), ""
            if len(days) == PAGE:
                more = f'"nextPageToken": "{int(asked.get("pageToken", 0)) + PAGE}", '
            answer = f'{{{more}"items": [{", ".join(item.replace("NAME", object_name(key, day)) for day in days)}]}}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def _item(key: str) -> str:
    dataset, fetched = REGISTRY[key], NOW - timedelta(1)
    profile = encode(Profile(1, runs={"RF": 1} if dataset.settlement_runs else {}))
    packed = pack(
        [[b"{}" * 40]],
        sorted(dataset.source_fields),
        fetched,
        "2026-01-01",
        False,
        profile,
        "https://an.api/of/much/the/same/length?from=x&to=y",
    )
    packed.metadata["rows"] = str(dataset.rows_per_day)
    return json.dumps({
        "name": "NAME", "generation": "1700000000000000", "metageneration": "1", "size": "1000", "crc32c": packed.metadata["crc32c"],
        "updated": utc_text(fetched), "metadata": packed.metadata,
    })  # fmt: skip


def look(what: str, url: str, count: int) -> None:
    """One measurement: prints seconds, objects, days to fetch."""
    client = storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": url})  # type: ignore[no-untyped-call]
    work, began = tasks(count), time.perf_counter()
    objects, due = 0, 0
    for task in work:
        if what == "bare":
            key = task.dataset.key
            listing = client.list_blobs(
                "bucket", prefix=f"raw/{key}/", start_offset=object_name(key, task.first), end_offset=object_name(key, task.last + timedelta(1)),
                fields=LISTED, page_size=PAGE,
            )  # fmt: skip
            objects += sum(1 for _ in listing)
        else:
            stored = Stored(DayStore(client.bucket("bucket")).list(task.dataset, task.first, task.last))
            objects, due = objects + len(stored), due + len(days_to_fetch(task, stored, NOW, force=False))
    print(json.dumps({"seconds": time.perf_counter() - began, "objects": objects, "due": due}))


def measure(count: int, rounds: int) -> Iterator[str]:
    """Lines of a table."""
    serve = [sys.executable, str(Path(__file__).resolve()), "serve"]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            url = server.stdout.readline().strip()

            def ran(what: str) -> Ran:
                return process([sys.executable, Path(__file__).resolve(), what, url, str(count)])

            found = side_by_side(rounds, bare=lambda: ran("bare"), plan=lambda: ran("plan"))
        finally:
            server.terminate()
    seconds = {what: median([json.loads(one.out)["seconds"] for one in rans]) for what, rans in found.items()}
    cpu = {what: median([one.cpu for one in rans]) for what, rans in found.items()}
    for what, rans in found.items():
        told = json.loads(rans[-1].out)
        yield f"{what}: {told['objects']:,} objects, {seconds[what]:.1f} s, CPU {cpu[what]:.1f} s, peak {median([one.peak for one in rans]):.0f} MB, {told['due']} days to fetch"
    yield f"plan / bare: {seconds['plan'] / seconds['bare']:.2f} of seconds, {cpu['plan'] / cpu['bare']:.2f} of CPU (target: 2)"


def main(words: list[str]) -> None:
    if words[:1] == ["serve"]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
        print(f"http://127.0.0.1:{server.server_address[1]}", flush=True)
        server.serve_forever()
    elif words[:1] in (["bare"], ["plan"]):
        look(words[0], words[1], int(words[2]))
    else:
        numbers = [int(word) for word in words]
        print("\n".join(measure(*[*numbers, *(400_000, 3)[len(numbers) :]])))


if __name__ == "__main__":
    main(sys.argv[1:])
