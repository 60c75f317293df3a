"""A disk that is really full: a file system of a few kilobytes, mounted for one command alone. The disk is named, whatever
else it makes fail, and nothing half-written stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import LOADER, ROOT, Place

# Everybody may mount in a namespace in which he is root.
UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-r", "-m"]
MOUNTED = 'mount -t tmpfs -o size="$1" none "$2" && cp -a "$3"/. "$2" && { [ "$4" = room ] || cat /dev/zero >"$2/filler" || :; } 2>/dev/null'
# Afterwards what is there is told to the one who is outside.
SHELL = f'folder=$2; {MOUNTED} || exit 99; shift 4; "$@"; code=$?; ls -A "$folder" >&3; exit $code'


def on_small_disk(folder: Path, size: str, *command: str | Path, room: bool = False, **env: str) -> tuple[int, str, str, list[str]]:
    """Run `command` while `folder`, with what is in it, is on a disk of `size` that is full, or has room yet.

    Exit code, stdout, stderr, and the names in the folder afterwards."""
    seed = folder.with_name(f"{folder.name} before")
    folder.rename(seed)
    folder.mkdir()
    read, write = os.pipe()
    shell = [*UNSHARE, "bash", "-c", f"exec 3>&{write}; {SHELL}", "bash", size, folder, seed, "room" if room else "full"]
    ran = subprocess.run([*shell, *command], env={**os.environ, **env}, pass_fds=(write,), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100)
    os.close(write)
    with os.fdopen(read) as names:
        left = names.read().split("\n")[:-1]
    if ran.returncode == 99 or "unshare" in ran.stderr:
        pytest.skip(f"no file system can be mounted here: {ran.stderr.strip()}")
    return ran.returncode, ran.stdout, ran.stderr, left


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "disk").mkdir()
    return tmp_path / "disk"


@pytest.mark.parametrize(("size", "room"), [("40k", False), ("16k", True), ("64k", True), ("1000k", True)])
def test_the_local_cloud_says_that_its_disk_is_full(folder: Path, size: str, room: bool) -> None:
    """From the first byte on, or from what an emulator writes when it starts, or makes a bucket or a dataset."""
    command = (sys.executable, ROOT / "local_cloud.py", "run", "--data-dir", folder / "data", "--", "true")
    code, out, err, _left = on_small_disk(folder, size, *command, room=room)
    assert (code, out) == (2, "")
    assert err.startswith(f"local_cloud: cannot keep data in {folder / 'data'} (") and "No space left on device" in err
    assert err.endswith("; make room there\n") and err.count("\n") == 1


def test_a_report_that_has_no_room_is_named_and_the_earlier_one_stays(folder: Path, place: Place) -> None:
    (folder / "report.html").write_text("an earlier one")
    for room in (True, False):
        code, out, err, left = on_small_disk(
            folder, "8k", sys.executable, ROOT / LOADER, "--verify", "--quiet", "--without-source", "--datasets", "market_index",
            "--start-date", "2024-01-06", "--end-date", "2024-01-06", "--report", folder / "report.html", room=room, **place.env,
        )  # fmt: skip
        assert code == 1
        assert "market_index" in out, "what was found is told all the same"
        assert err.splitlines()[-1].startswith(f"{LOADER}: No space left on device ({folder / 'report.html'}); free space")
        assert "Traceback" not in err
        assert [name for name in left if name != "filler"] == ["report.html"]
        folder.rmdir()
        folder.with_name("disk before").rename(folder)


def test_logs_that_have_no_room_are_named(folder: Path) -> None:
    """The lock of a run is there too: it is not locking that is wrong."""
    import shutil

    project = folder.with_name("project")
    shutil.copytree(ROOT / "collector", project / "collector", ignore=shutil.ignore_patterns("__pycache__"))
    for name in (*ROOT.glob("*.py"), *ROOT.glob("*.sh"), *ROOT.glob("requirements*")):
        shutil.copy(name, project)
    (project / ".venv").symlink_to(sys.prefix)
    (project / "logs").mkdir()
    for mode in ((), ("--local",)):
        code, out, err, left = on_small_disk(
            project / "logs", "8k", "bash", project / "deploy_data_collectors.sh", *mode, "--datasets", "frequency",
            STORAGE_EMULATOR_HOST="http://127.0.0.1:1", BIGQUERY_EMULATOR_HOST="http://127.0.0.1:1",
        )  # fmt: skip
        assert (code, out) == (2, "")
        assert "No space left on device; make room on that disk" in err and err.count("\n") == 1
        assert all(name == "filler" or name.endswith(".lock") for name in left)
        (project / "logs").rmdir()
        (project / "logs before").rename(project / "logs")


INSIDE = """
import contextlib, os, subprocess, sys
sys.path[:0] = sys.argv[1:3]
from api_standin import ApiStandin
from local_cloud import LocalCloud
data, programs = sys.argv[3:]
what = ("--datasets", "frequency", "--start-date", "2024-01-01", "--end-date", "2024-01-03", "--quiet")
with LocalCloud(data) as cloud, ApiStandin(gaps=False) as api:
    def run(program):
        ran = subprocess.run([sys.executable, f"{programs}/{program}", *what], env={**os.environ, **cloud.env, **api.environment}, capture_output=True, text=True)
        print(program[9:12], ran.returncode, *(line for line in ran.stdout.splitlines() if line.startswith("FAILED")), sep="|", flush=True)
    for program in ("enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"):
        with open(f"{data}/filler", "wb", 0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)): pass
        run(program)
        os.unlink(f"{data}/filler")
        run(program)
"""


def test_what_finds_no_room_in_the_local_cloud_says_so_at_once_and_goes_on_where_there_is_some(folder: Path, programs: Path) -> None:
    code, out, err, _left = on_small_disk(folder, "60m", sys.executable, "-c", INSIDE, ROOT, ROOT / "tests", folder, programs, room=True)
    assert (code, err) == (0, "")
    downloads, loads = [[line.split("|") for line in out.splitlines() if line[:3] == which] for which in ("ele", "big")]
    for (_, failed, *causes), (_, done, *none) in (downloads, loads):
        assert (failed, done, none) == ("1", "0", [])
        (cause,) = causes
        assert cause.startswith("FAILED frequency 2024-01-01") and cause.lower().endswith("no space left on device; make room there")
