"""A machine that lends little: memory, open files, threads. What fails is told in lines, and the next run goes on."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest
from conftest import DOWNLOADER, LOADER, Place, Ran

WHAT = ("--datasets", "market_index", "--start-date", "2024-01-05", "--end-date", "2024-01-07")


def limited(place: Place, program: str, kind: int, most: int) -> Ran:
    """A program to its end, which may have so much of something and no more."""
    ran = subprocess.run(
        [sys.executable, str(place.programs / program), *WHAT], env=place.env, cwd=place.home, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=240, preexec_fn=lambda: resource.setrlimit(kind, (most, most)),
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the memory of one process")
@pytest.mark.parametrize("megabytes", [60, 100])
@pytest.mark.parametrize("program", [DOWNLOADER, LOADER])
def test_too_little_memory_is_told_without_a_traceback(place: Place, program: str, megabytes: int) -> None:
    if program == LOADER:
        place.download(*WHAT).ok()
    ran = limited(place, program, resource.RLIMIT_AS, megabytes << 20)
    assert ran.code in ((1, 2) if megabytes == 60 else (0, 1, 2)), ran.err
    assert "Traceback" not in ran.out + ran.err
    if ran.code:
        assert ran.err.strip()
        assert len((ran.out + ran.err).splitlines()) < 30
    place.run(program, *WHAT).ok()


@pytest.mark.parametrize("files", [5])
@pytest.mark.parametrize("program", [DOWNLOADER, LOADER])
def test_too_few_open_files_are_told_without_a_traceback(place: Place, program: str, files: int) -> None:
    if program == LOADER:
        place.download(*WHAT).ok()
    ran = limited(place, program, resource.RLIMIT_NOFILE, files)
    assert ran.code in (0, 1, 2), ran.err
    assert "Traceback" not in ran.out + ran.err
    if ran.code:
        assert "Too many open files" in ran.out + ran.err
        assert len((ran.out + ran.err).splitlines()) < 30
    place.run(program, *WHAT).ok()
