"""What must be done with a body at least, and what is commonly done, as processes to be measured.

    python3 benchmarks/passes.py nothing|split|bare|product|plain|plain6 DATASET BODY.gz...

Prints how many bytes the bodies are when unpacked. split: gunzip, split into records, join, gzip. bare: also each
record's instant by a small struct, records put together by it. product: what the downloader does between answer and
upload. plain: gzip and json of the standard library as they come; plain6: gzip at level 6.
"""

from __future__ import annotations

import gzip
import json
import re
import sys
from datetime import date, datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import msgspec
from isal import isal_zlib

from collector.base.gb_calendar import day_end, day_start
from collector.registry.model import Dataset
from collector.source.json_records import read_answer
from collector.source.requests import requests_of
from collector.storage.payload import GZIP_LEVEL, pack
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
    ends = re.findall(rb'"%b":"(.{10})' % dataset.instant.fields[0].encode(), body[:1_000] + b"\n" + body[-1_000:])
    first, last = (date.fromisoformat(end.decode()) for end in (min(ends), max(ends)))
    answer = read_answer(requests_of(dataset, day_start(first), day_end(last))[0], body)
    for records in answer.days.values():
        pack(records.lines(), answer.fields, datetime.now(timezone.utc), "", False)
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
    }[way]
    print(sum(work(REGISTRY[key], Path(file).read_bytes()) for file in files))
