"""The deploy script over many datasets: one after the other, and several side by side."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

from benchmarks.lab import ROOT, Lab, Ran, Row, median, process, side_by_side
from benchmarks.loads import fill
from datasets_config import DEFAULT_DATASETS, REGISTRY

sys.path.insert(0, str(ROOT / "tests"))
from cloud_proxy import CloudProxy

_LAST = date(2025, 6, 30)
# Of files the portal is asked at every run, of snapshots the source once a day: these have a day a day.
_BY_DAY = [
    key
    for key, d in REGISTRY.items()
    if not d.files and not d.endpoint.is_snapshot and d.first_day < date(2025, 6, 1) and not d.last_day
]
_NUMBERS = itertools.count(1)


def run(lab: Lab) -> list[Row]:
    """A run with nothing to do, over the eleven and over all sets that have days; and a day's work of the eleven where every
    call to the cloud takes a second."""
    return [*_nothing(lab, "the eleven", DEFAULT_DATASETS), *_all(lab), *_latency(lab)]


def _script(lab: Lab) -> Path:
    """The deploy script in a copy of the product, whose logs are its own."""
    copy = lab.folder / f"product-{next(_NUMBERS)}"
    copy.mkdir()
    for pattern in ("collector", "views", "requirements.lock", "*.py", "*.sh"):
        for path in ROOT.glob(pattern):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / path.name)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    return copy / "deploy_data_collectors.sh"


def _deploy(script: Path, place: dict[str, str], keys: Sequence[str], first: date, last: date, parallel: int) -> Ran:
    """A run that ends well, with every dataset right."""
    days = ["--start-date", str(first), "--end-date", str(last), "--parallel", str(parallel)]
    ran = process([script, *days, "--datasets", *keys], place)
    if not re.search(rf"^All {len(keys)} datasets verified\.$", ran.out, re.MULTILINE):
        raise RuntimeError(ran.out[-3000:])
    return ran


def _nothing(lab: Lab, name: str, keys: Sequence[str]) -> list[Row]:
    """Two runs over the same days, of which everything is stored and loaded."""
    place, first = lab.place(), _LAST - timedelta(2 if lab.quick else 29)
    fill(place, first, _LAST, datetime.now(timezone.utc), keys)
    script = _script(lab)
    _deploy(script, place, keys, first, _LAST, 4)  # makes the views
    found = side_by_side(
        min(lab.rounds, 3),
        one=lambda: _deploy(script, place, keys, first, _LAST, 1),
        four=lambda: _deploy(script, place, keys, first, _LAST, 4),
    )
    return _compared(f"nothing to do, {name}", found, 1 / 3)


def _compared(what: str, found: dict[str, list[Ran]], most: float) -> list[Row]:
    one, four = (median([ran.wall for ran in found[name]]) for name in ("one", "four"))
    cpu = [median([ran.cpu for ran in found[name]]) for name in ("one", "four")]
    share = four / one
    return [
        Row("chains", f"{what}: `--parallel 1`; default", f"{one:.1f}; {four:.1f} s (CPU {cpu[0]:.1f}; {cpu[1]:.1f} s)"),
        Row("chains", "the same: default / `--parallel 1`", f"{share:.2f}", f"<= {most:.2f}", share <= most),
    ]  # fmt: skip


def _all(lab: Lab) -> list[Row]:
    place, keys = lab.place(), _BY_DAY[:: 8 if lab.quick else 1]
    first = _LAST - timedelta(2 if lab.quick else 6)
    fill(place, first, _LAST, datetime.now(timezone.utc), keys)
    script = _script(lab)
    _deploy(script, place, keys, first, _LAST, 4)
    seconds = median([_deploy(script, place, keys, first, _LAST, 4).wall for _ in range(min(lab.rounds, 3))])
    return [Row("chains", f"nothing to do, {len(keys)} sets", f"{seconds:.1f} s", "< 60 s", seconds < 60)]


def _latency(lab: Lab) -> list[Row]:
    """A day of each of the eleven, through proxies by which every call to storage and warehouse takes a second longer."""
    keys = DEFAULT_DATASETS[:: 5 if lab.quick else 1]
    place, script, days = lab.place(), _script(lab), itertools.count(1)
    _deploy(script, place, keys, _LAST, _LAST, 4)
    with CloudProxy(place["STORAGE_EMULATOR_HOST"]) as storage, CloudProxy(place["BIGQUERY_EMULATOR_HOST"]) as bigquery:
        for proxy in (storage, bigquery):
            proxy.before = lambda _asked: time.sleep(1.0)
        slow = place | {"STORAGE_EMULATOR_HOST": storage.url, "BIGQUERY_EMULATOR_HOST": bigquery.url}

        def day(parallel: int) -> Ran:
            new = _LAST + timedelta(next(days))
            return _deploy(script, slow, keys, _LAST, new, parallel)

        found = side_by_side(1 if lab.quick else min(lab.rounds, 2), one=lambda: day(1), four=lambda: day(4))
    return _compared(f"a new day of {len(keys)} sets, 1 s more for each call to the cloud", found, 1 / 4)
