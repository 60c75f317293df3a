"""The benchmarks run: on tiny sizes, whatever the times."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.emulators
def test_quick_run_of_all_benchmarks() -> None:
    ran = subprocess.run([sys.executable, ROOT / "benchmarks/run.py", "--quick"], capture_output=True, text=True, timeout=600)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    names = {line.split("|")[1].strip() for line in ran.stdout.splitlines() if line.startswith("| ")}
    assert {"startup", "floor", "cpu", "memory", "cores", "scaling", "loader", "workers", "rerun", "pace", "bill", "door"} <= names


def test_an_unknown_name_is_refused() -> None:
    ran = subprocess.run([sys.executable, ROOT / "benchmarks/run.py", "--quick", "nonsense"], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert "known are" in ran.stderr
