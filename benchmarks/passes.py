"""What must be done with a body at least, and what is commonly done, as processes to be measured.

    python3 benchmarks/passes.py nothing|split|bare|product|plain|plain6|steps DATASET BODY.gz...

Prints how many bytes the bodies are when unpacked. split: gunzip, split into records, join, gzip. bare: also each
record's instant by a small struct, records put together by it. product: what the downloader does between answer and
upload. plain: gzip and json of the standard library as they come; plain6: gzip at level 6. steps: prints what each step of the bare pass and of ours
costs in CPU, each alone, in turns, the least of seven, in ms.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import re
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import google_crc32c
import msgspec
from isal import isal_zlib

from collector.base.gb_calendar import ONE_DAY, day_end, day_start, days_between, settlement_day
from collector.registry.model import Dataset
from collector.source.json_records import _Reader, _shape, read_answer
from collector.source.json_split import split_in_lines
from collector.source.making import Wanted, make
from collector.source.requests import DataRequest, requests_of
from collector.storage.payload import GZIP_LEVEL
from datasets_config import REGISTRY

SPLIT = msgspec.json.Decoder(list[msgspec.Raw])


def nothing(_dataset: Dataset, packed: bytes) -> int:
    return len(packed) and 0


def split(_dataset: Dataset, packed: bytes) -> int:
    body = isal_zlib.decompress(packed, 31)
    isal_zlib.compress(b"\n".join(SPLIT.decode(body)), GZIP_LEVEL, 31)
    return len(body)


def bare(dataset: Dataset, packed: bytes) -> int:
    body = isal_zlib.decompress(packed, 31)
    struct = msgspec.defstruct("Instant", [("at", str)], rename={"at": dataset.instant.fields[0]})
    decode = msgspec.json.Decoder(struct).decode
    days: dict[str, list[msgspec.Raw]] = {}
    for record in SPLIT.decode(body):
        instant = decode(record).at  # type: ignore[attr-defined]
        group = days.get(instant)
        if group is None:
            group = days[instant] = []
        group.append(record)
    squeeze = isal_zlib.compressobj(GZIP_LEVEL, wbits=31)
    for group in days.values():
        squeeze.compress(b"\n".join(group))
    squeeze.flush()
    return len(body)


def product(dataset: Dataset, packed: bytes) -> int:
    body = bytearray(isal_zlib.decompress(packed, 31))
    request, _ = _question(dataset, body)
    days = tuple(days_between(settlement_day(request.start), settlement_day(request.end) - ONE_DAY))
    make(request, body, Wanted(days, "", False), datetime.now(timezone.utc))
    return len(body)


def _question(dataset: Dataset, body: bytes) -> tuple[DataRequest, date]:
    """The question that a body answers, and its first day."""
    ends = re.findall(rb'"%b":"(.{10})' % dataset.instant.fields[0].encode(), body[:1_000] + b"\n" + body[-1_000:])
    first, last = (date.fromisoformat(end.decode()) for end in (min(ends), max(ends)))
    return requests_of(dataset, day_start(first), day_end(last))[0], first


def steps(dataset: Dataset, packed: bytes) -> int:
    body = isal_zlib.decompress(packed, 31)
    request, day = _question(dataset, body)
    records, answer = SPLIT.decode(body), read_answer(request, body)
    names = tuple(msgspec.json.decode(records[0]))
    ours = _shape(names, (dataset.instant.fields, dataset.facets, dataset.key_fields))
    theirs = msgspec.json.Decoder(
        msgspec.defstruct("Instant", [("at", str)], rename={"at": dataset.instant.fields[0]})
    ).decode
    assert ours
    pieces = list(answer.days[day].lines())
    texts = [b"\n".join((*piece, b"")) for piece in pieces]

    def squeezed() -> None:
        squeeze = isal_zlib.compressobj(GZIP_LEVEL, wbits=31)
        for text in texts:
            squeeze.compress(text)

    def digested() -> None:
        digest = hashlib.sha256()
        for text in texts:
            digest.update(text)

    def decoded(decode: Callable[[Any], object]) -> None:
        for record in records:
            decode(record)

    ways: dict[str, Callable[[], object]] = {
        "both: unpack": lambda: isal_zlib.decompress(packed, 31),
        "bare: split": lambda: SPLIT.decode(body),
        "ours: split in pieces, characters checked, records counted": lambda: split_in_lines(bytearray(body)),
        "bare: the instant of each record": lambda: decoded(theirs),
        "ours: instant, run and key of each record, the names of all fields checked": lambda: decoded(ours),
        "ours: the same, and each put in its place": lambda: _Reader(request).read(records),
        "ours: the day counted": lambda: answer.days[day].profile(dataset, day),
        "ours: put in order": lambda: sum(map(len, answer.days[day].lines())),
        "both: join": lambda: [b"\n".join((*piece, b"")) for piece in pieces],
        "ours: SHA-256": digested,
        "both: compress": squeezed,
        "ours: CRC32C": lambda: google_crc32c.value(packed),
    }
    least = dict.fromkeys(ways, math.inf)
    for _ in range(7):
        for name, way in ways.items():
            began = time.thread_time()
            way()
            least[name] = min(least[name], time.thread_time() - began)
    print("\n".join(f"{seconds * 1e3:6.1f} ms  {name}" for name, seconds in least.items()))
    return len(body)


def plain(dataset: Dataset, packed: bytes, level: int = 9) -> int:
    body = gzip.decompress(packed)
    records: list[dict[str, Any]] = json.loads(body)
    days: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        days.setdefault(record[dataset.instant.fields[0]][:10], []).append(record)
    for group in days.values():
        gzip.compress("\n".join(json.dumps(record) for record in group).encode(), level)
    return len(body)


if __name__ == "__main__":
    way, key, *files = sys.argv[1:]
    work = {
        "nothing": nothing,
        "split": split,
        "bare": bare,
        "product": product,
        "plain": plain,
        "plain6": partial(plain, level=6),
        "steps": steps,
    }[way]
    print(sum(work(REGISTRY[key], Path(file).read_bytes()) for file in files))
