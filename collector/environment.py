#!/usr/bin/env python3
"""Makes virtual environments with nothing but a Python >= 3.10: the programs', the tests' tools', the emulators'.

    environment.py FOLDER LOG PYTHON FILE [FILE]

makes FOLDER with PYTHON and installs the first lock FILE into it, and the second on top, each only where that is missing,
half done or outdated; what pip says goes to LOG. Ends with 0, or with 2 and one line on stderr.

    environment.py --lock

makes the lock files anew from the requirements beside them, with what they pin already where that still fits (to have
newer releases, delete a lock before). A lock names every package with its version and the checksums of its files, for
every Python from 3.10 and every system: nothing else is ever installed, and no package's own set-up code is run.

    FOLDER/bin/python environment.py --licences

prints what is installed: a line a package with version and licence. Standard library only.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import distributions
from pathlib import Path
from types import FrameType
from typing import NoReturn, TextIO

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "collector/locks"
# Apart, because every run of the deploy script asks it, and what is imported here would take as long again.
INSTALLED = Path(__file__).with_name("installed.py")
PARTS = (
    "import sys, sysconfig\n"
    "from importlib.util import find_spec\n"
    "print('%d.%d' % sys.version_info[:2] + 't' * bool(sysconfig.get_config_var('Py_GIL_DISABLED')))\n"
    "print(*(name for name in ('venv', 'ensurepip', 'pip') if find_spec(name)))"
)
PACKAGES_FOLDER = "import sysconfig; print(sysconfig.get_path('purelib'))"
BASE = "import sys; print(sys._base_executable)"
PIP = ("-I", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--only-binary", ":all:")
LOCKED = (*PIP, "--require-hashes")
# Seconds that an interrupted step has to end by itself.
_GRACE = 3.0
UV, NEWER_PIP = str(LOCKS / "uv.lock"), str(LOCKS / "pip.lock")


class SetUpError(Exception):
    """An environment cannot be made: one line that says why and what to do."""


def open_lock(path: str | os.PathLike[str]) -> int:
    """A lock file, made where it is missing, as file descriptor. OSError where a symbolic link stands in its place."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)


def once(folder: Path, done: Callable[[], bool], make: Callable[[int], None], say: Callable[[str], None]) -> None:
    """`make(lock)` unless `done()`; of several processes one makes and the others wait. OSError: no place for it."""
    if done():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(open_lock(f"{folder}.lock"), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another run is making {folder}; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if not done():
            make(lock.fileno())


def step(what: str, command: Sequence[str], log: TextIO, lock: int, env: Mapping[str, str] | None = None) -> None:
    """Run one step of the set-up; its output goes to `log`. Interrupted, it takes its children along, which have a moment to
    remove their temporary files. SetUpError.

    A step holds the lock too: should this process be killed, the next one waits until the step has ended.
    """
    log.flush()
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env, pass_fds=(lock,),
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise SetUpError(f"could not {what} ({error}); see {log.name} and start again") from None
    try:
        code = process.wait()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE)
            finally:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        said = [line.strip() for line in Path(log.name).read_text(errors="replace").splitlines() if line.strip()]
        reason = said[-1] if said else f"exit code {code}"
        raise SetUpError(f"could not {what} ({reason}); see {log.name} and start again")


def parts(python: str) -> tuple[str, set[str]]:
    """The version of a Python, "3.13" (a free-threaded one: "3.13t"), and which of venv, ensurepip and pip it has.

    ("", set()) for what is no Python, like a pyenv shim that is on PATH but refuses to run.
    """
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        asked = subprocess.run(
            [python, "-I", "-c", PARTS],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        version, found = asked.stdout.rstrip("\n").split("\n")
        return version, set(found.split())
    return "", set()


def can_make(found: set[str]) -> bool:
    """Can `make` use a Python with these parts?"""
    return {"venv", "ensurepip"} <= found or "pip" in found or shutil.which("uv") is not None


def outside(folder: Path, python: str) -> str:
    """`python`, or what it was made from where it is the one in `folder` (activated, so on PATH), about to be replaced."""
    if Path(shutil.which(python) or python).parent.absolute() != (folder / "bin").absolute():
        return python
    asked = subprocess.run([python, "-I", "-c", BASE], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or python


def make(folder: Path, python: str, log: TextIO, lock: int) -> str:
    """Make an empty virtual environment with pip in `folder`, by what `python` has; its interpreter. SetUpError."""
    version, found = parts(python)
    what = "make a virtual environment"
    made = str(folder / "bin/python")
    if {"venv", "ensurepip"} <= found:
        step(what, [python, "-I", "-m", "venv", str(folder)], log, lock)
    elif {"venv", "pip"} <= found:  # Debian and Ubuntu keep ensurepip in a package of its own
        step(what, [python, "-I", "-m", "venv", "--without-pip", str(folder)], log, lock)
        asked = subprocess.run([made, "-I", "-c", PACKAGES_FOLDER], capture_output=True, text=True, check=False)
        step("install pip", [python, *LOCKED, "--target", asked.stdout.strip(), "-r", NEWER_PIP], log, lock)
    elif can_make(found):
        uv, borrowed = shutil.which("uv"), folder / "uv"
        if not uv:
            step("install uv", [python, *LOCKED, "--target", str(borrowed), "-r", UV], log, lock)
            uv = str(borrowed / "bin/uv")
        base = shutil.which(python) or python
        step(what, [uv, "venv", "--allow-existing", "--no-cache", "--python", base, str(folder)], log, lock)
        seed = [uv, "pip", "install", "--no-cache", "--python", made, "--require-hashes", "-r", NEWER_PIP]
        step("install pip", seed, log, lock)
        shutil.rmtree(borrowed, ignore_errors=True)
    else:
        raise SetUpError(
            f"{python} (Python {version}) has no ensurepip to make virtual environments with, and no pip; install them "
            f"(on Debian and Ubuntu: sudo apt install python{version}-venv) and start again"
        )
    return made


# ------------------------------------------------------------------------------------- the programs' and the tests' tools
def _is_complete(folder: Path, files: Sequence[str]) -> bool:
    with contextlib.suppress(OSError):
        asked = [str(folder / "bin/python"), "-I", str(INSTALLED), str(folder), *files]
        return subprocess.run(asked, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
    return False


def ensure(folder: Path, log_name: str, python: str, files: Sequence[str]) -> None:
    """`folder` with the first of the locks `files` installed, and then the second. SetUpError, OSError."""

    def say(message: str) -> None:
        with contextlib.suppress(OSError):
            print(message, flush=True)

    def install(count: int, lock: int) -> None:
        name = os.path.relpath(files[count - 1], folder.parent)
        say(f"installing the packages of {name} into {folder} (first run or changed requirements; about a minute)")
        made = str(folder / "bin/python")
        Path(log_name).parent.mkdir(parents=True, exist_ok=True)
        with Path(log_name).open("w") as log:
            if count == 1:
                base = outside(folder, python)
                shutil.rmtree(folder, ignore_errors=True)
                made = make(folder, base, log, lock)
            chosen = [word for file in files[:count] for word in ("-r", file)]
            step(f"install the packages of {name}", [made, *LOCKED, *chosen], log, lock)
            step(
                "finish the environment", [made, "-I", str(INSTALLED), "--mark", str(folder), *files[:count]], log, lock
            )

    for count in range(1, len(files) + 1):
        once(folder, lambda: _is_complete(folder, files[:count]), lambda lock: install(count, lock), say)  # noqa: B023


# ------------------------------------------------------------------------------------------------------------- the locks
def make_locks() -> None:
    """Make every lock anew. Needs pip in the Python that runs this. SetUpError."""
    with tempfile.TemporaryDirectory() as scratch:
        _run([sys.executable, *LOCKED, "-q", "--target", f"{scratch}/uv", "-r", UV])
        uv = f"{scratch}/uv/bin/uv"
        _compile(uv, "3.10", ROOT / "requirements.lock", "requirements.txt")
        # The tests are of the programs as they are installed.
        both = ("requirements.txt", "tests/requirements.txt")
        _compile(uv, "3.10", ROOT / "tests/requirements.lock", *both, "--constraints", "requirements.lock")
        for name in ("uv", "pip"):
            _compile(uv, "3.10", LOCKS / f"{name}.lock", f"collector/locks/{name}.txt")
        _lock_emulators(uv, Path(scratch))


def _lock_emulators(uv: str, scratch: Path) -> None:
    """local-bigquery by itself, as if for a Python that it asks for, and what it depends on for all that it is run on."""
    lines = [line for line in (LOCKS / "emulators.txt").read_text().splitlines() if not line.startswith("#")]
    bigquery, *others = lines
    _run(
        [
            sys.executable,
            *PIP,
            "-q",
            "--no-deps",
            "--ignore-requires-python",
            "--target",
            str(scratch / "bigquery"),
            bigquery,
        ]
    )
    (found,) = distributions(path=[str(scratch / "bigquery")])
    made = LOCKS / "emulators.lock"
    alone, rest = scratch / "alone.txt", scratch / "rest.txt"
    alone.write_text(bigquery)
    rest.write_text("\n".join([*others, *(found.requires or ())]))
    _compile(uv, "3.13", scratch / "alone.lock", str(alone), "--no-deps")
    _compile(uv, "3.12", made, str(rest))
    pinned = "".join((scratch / "alone.lock").read_text().splitlines(keepends=True)[1:])
    made.write_text(made.read_text() + pinned)


def _compile(uv: str, oldest: str, made: Path, *arguments: str) -> None:
    """Have uv write a lock of `arguments` for Pythons from `oldest`. Where packages are fetched from stays out of it."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith("UV_") or name == "UV_DEFAULT_INDEX"
    }
    _run(
        [uv, "pip", "compile", *arguments, "--output-file", str(made), "--universal", "--python-version", oldest,
         "--constraints", str(LOCKS / "constraints.txt"), "--generate-hashes", "--only-binary", ":all:", "--no-config",
         "--no-cache", "--no-header", "--no-annotate", "--quiet"], own,
    )  # fmt: skip
    made.write_text(f"# Made by collector/environment.py --lock.\n{made.read_text()}")


def _run(command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
    ran = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd=ROOT, env=env
    )
    if ran.returncode:
        raise SetUpError(f"cannot make the locks: {' '.join(ran.stderr.split())[-1000:]}")


def licences() -> list[tuple[str, str, str]]:
    """Name, version and licence, as its metadata have it, of every package that the Python that runs this has installed."""
    found = {}
    for package in distributions():
        told = package.metadata
        expression, free, name = (
            (told.get_all(key) or [""])[0].strip() for key in ("License-Expression", "License", "Name")
        )
        classified = [
            line.rpartition(" :: ")[2] for line in told.get_all("Classifier") or () if line.startswith("License ::")
        ]
        # Of the free text, which may be all of a licence, the first line.
        licence = expression or " / ".join(classified) or free.partition("\n")[0] or "not told"
        found[name.lower().replace("_", "-")] = (name, package.version, licence)
    return [found[name] for name in sorted(found)]


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)


def main(arguments: Sequence[str]) -> int:
    """What the head of this file says; the exit code."""
    if arguments[0] == "--licences":
        rows = licences()
        names, versions = (max(len(row[column]) for row in rows) for column in (0, 1))
        print("\n".join(f"{name:<{names}}  {version:<{versions}}  {licence}" for name, version, licence in rows))
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    if arguments[0] == "--lock":
        try:
            make_locks()
        except (SetUpError, OSError) as error:
            print(f"environment.py: {error}", file=sys.stderr)
            return 2
        return 0
    folder, log, python, *files = arguments
    try:
        ensure(Path(folder), log, python, files)
    except SetUpError as error:
        print(f"environment.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"environment.py: cannot make {folder} ({error}); mend that and start again", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
