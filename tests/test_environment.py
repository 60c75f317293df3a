"""Set-up needs nothing but a Python: which one the emulators get, what is fetched where none fits, what half a set-up is.

The Pythons and uv are stand-ins here, small scripts on a PATH and in a HOME of their own; one long test takes real ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import local_cloud
from collector import environment
from local_cloud import LocalCloudError

ROOT = Path(__file__).resolve().parent.parent

# Tells its version and parts; makes environments that hold itself; as pip, "installs" a uv; writes down what it did.
PYTHON = r"""#!/bin/sh
for last; do :; done
case "$*" in
    *find_spec*) echo {version} && echo {parts} && exit ;;
    *"-m venv"*) mkdir -p "$last/bin" && cp "$0" "$last/bin/python" ;;
    *"pip install"*/uv.lock) cp "{box}/uv" "${{0%/*}}/uv" ;;
esac
echo "{version} $*" >>"{box}/calls"
"""
# Finds nothing, and brings a Python 3.13 or fails.
UV = r"""#!/bin/sh
case "$2" in find) exit 2 ;; esac
echo "uv $*" >>"{box}/calls"
[ ! -e "{box}/offline" ] || {{ echo "error: cannot fetch" && echo "  cause: no such host" && exit 1; }}
mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.13.9-any/bin"
cp "{box}/fetched" "$UV_PYTHON_INSTALL_DIR/cpython-3.13.9-any/bin/python3.13"
"""


class Machine:
    """A PATH, a HOME and a .local_cloud with stand-ins."""

    def __init__(self, top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tools, self.home, self.box, self.cloud = (top / name for name in ("tools", "home", "box", "a clone/.local_cloud"))
        for folder in (self.tools, self.home, self.box):
            folder.mkdir()
        for tool in ("cp", "mkdir", "sh"):
            (self.tools / tool).symlink_to(str(shutil.which(tool)))
        monkeypatch.setenv("PATH", str(self.tools))
        monkeypatch.setenv("HOME", str(self.home))
        for name in ("PYENV_ROOT", "LOCAL_CLOUD_VENV"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr(local_cloud, "HOME", self.cloud)
        # The one that runs the programs is too old for the emulators.
        monkeypatch.setattr(sys, "executable", str(self.python(self.box / "this", "3.11")))
        self.uv(self.box / "uv")
        self.python(self.box / "fetched", "3.13")

    def python(self, path: Path, version: str, parts: str = "venv ensurepip pip") -> Path:
        return _executable(path, PYTHON.format(version=version, parts=parts, box=self.box))

    def uv(self, path: Path) -> Path:
        return _executable(path, UV.format(box=self.box))

    def place(self, where: str, version: str, parts: str = "venv ensurepip pip") -> Path:
        """A Python on PATH, of pyenv, or fetched before."""
        return self.python(
            {
                "path": self.tools / f"python{version.removesuffix('t')}",
                "pyenv": self.home / f".pyenv/versions/{version}.1/bin/python",
                "fetched": self.cloud / f"python/cpython-{version}.9-any/bin/python{version}",
            }[where],
            version,
            parts,
        )

    def calls(self) -> str:
        calls = self.box / "calls"
        return calls.read_text() if calls.exists() else ""


def _executable(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        ([("path", "3.12"), ("pyenv", "3.13")], 1),
        ([("path", "3.14"), ("path", "3.12")], 1),
        ([("path", "3.14")], 0),
        ([("path", "3.11"), ("path", "3.10"), ("pyenv", "3.15")], None),
        ([("fetched", "3.13"), ("path", "3.12")], 0),
        ([("path", "3.13", ""), ("path", "3.12")], 1),
        ([("path", "3.13", "venv pip"), ("path", "3.12")], 0),
        ([("path", "3.13t"), ("path", "3.12")], 1),
        ([], None),
    ],
)
def test_which_python_the_emulators_get(machine: Machine, there: list[tuple[str, ...]], chosen: int | None) -> None:
    placed = [machine.place(*one) for one in there]
    assert local_cloud.find_python() == ("" if chosen is None else str(placed[chosen]))


def test_a_shim_that_refuses_is_passed_over_and_the_python_that_runs_this_is_taken(machine: Machine) -> None:
    _executable(machine.tools / "python3.13", "#!/bin/sh\nexit 127\n")
    machine.python(Path(sys.executable), "3.13")
    assert local_cloud.find_python() == sys.executable


@pytest.mark.parametrize("uv", ["on PATH", "from PyPI"])
def test_where_no_python_fits_one_is_fetched_once(machine: Machine, uv: str) -> None:
    if uv == "on PATH":
        machine.uv(machine.tools / "uv")
    made = local_cloud.ensure_environment()
    assert made == machine.cloud / "venv/bin/python"
    assert environment.parts(str(made))[0] == "3.13"
    assert machine.calls().count("uv python install 3.13\n") == 1
    assert ("/uv.lock" in machine.calls()) == (uv == "from PyPI")
    assert sorted(path.name for path in machine.cloud.iterdir()) == ["python", "venv", "venv.lock", "venv.log"]
    assert list(machine.home.iterdir()) == []
    # Another set-up takes the one that was fetched.
    shutil.rmtree(machine.cloud / "venv")
    local_cloud.ensure_environment()
    assert machine.calls().count("uv python install") == 1


def test_a_fetch_that_fails_is_one_line_that_says_why_and_what_to_do(machine: Machine) -> None:
    (machine.box / "offline").touch()
    with pytest.raises(LocalCloudError) as told:
        local_cloud.ensure_environment()
    assert re.fullmatch(
        r"the emulators need a Python of 3\.12, 3\.13, 3\.14, none is here, and uv could not fetch Python 3\.13 "
        r"\(cause: no such host\); install one \(python3\.13 and python3\.13-venv .*\) and start again; log .*venv\.log",
        str(told.value),
    )
    (machine.box / "offline").unlink()
    local_cloud.ensure_environment()


def test_the_emulators_are_what_their_lock_says_whatever_python_one_of_them_asks_for(machine: Machine) -> None:
    machine.place("path", "3.12")
    local_cloud.ensure_environment()
    (install,) = [line for line in machine.calls().splitlines() if "pip install" in line]
    assert "--only-binary :all: --require-hashes" in install
    assert install.endswith(f"--no-deps --ignore-requires-python -r {ROOT}/collector/locks/emulators.lock")


def test_a_half_made_environment_is_made_again_and_a_foreign_folder_left_alone(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "venv"
    monkeypatch.setenv("LOCAL_CLOUD_VENV", str(folder))
    python = machine.place("path", "3.13")
    whole = python.read_text()
    python.write_text(whole + 'case "$*" in *"pip install"*) echo "no space left" && exit 1 ;; esac\n')
    with pytest.raises(LocalCloudError, match=r"could not install the emulators \(no space left\); see .*venv\.log and"):
        local_cloud.ensure_environment()
    (folder / "left").touch()
    python.write_text(whole)
    assert local_cloud.ensure_environment() == folder / "bin/python"
    assert not (folder / "left").exists()
    before = machine.calls()
    local_cloud.ensure_environment()
    assert machine.calls() == before
    another = tmp_path / "another.lock"
    another.write_text("something-else==1 --hash=sha256:00\n")
    monkeypatch.setattr(local_cloud, "LOCK", another)
    local_cloud.ensure_environment()
    assert machine.calls() != before

    foreign = tmp_path / "mine"
    foreign.mkdir()
    (foreign / "thesis.txt").touch()
    monkeypatch.setenv("LOCAL_CLOUD_VENV", str(foreign))
    with pytest.raises(LocalCloudError, match="holds something else"):
        local_cloud.ensure_environment()
    assert (foreign / "thesis.txt").exists()


def test_the_tools_of_the_tests_come_on_top_and_are_installed_again_when_they_change(machine: Machine, tmp_path: Path) -> None:
    python = machine.place("path", "3.13")
    folder, log = tmp_path / ".venv", tmp_path / "logs/environment.log"
    files = [tmp_path / "requirements.lock", tmp_path / "tools.lock"]
    for file in files:
        file.write_text("one==1\n")
    # The marker is made by the environment's own Python, which is a real one here.
    marks = f'case "$2" in *installed.py) exec "{os.path.realpath(sys._base_executable)}" "$@" ;; esac\n'  # type: ignore[attr-defined]
    python.write_text(python.read_text().replace("for last", f"{marks}for last", 1))

    def installs() -> list[str]:
        before = machine.calls()
        environment.ensure(folder, str(log), str(python), [str(file) for file in files])
        new = machine.calls()[len(before) :].splitlines()
        assert all("--only-binary :all: --require-hashes" in line for line in new if "pip install" in line)
        return [" ".join(re.findall(r"-r \S*/(\w+)\.lock", line)) for line in new if "pip install" in line]

    assert installs() == ["requirements", "requirements tools"]
    assert installs() == []
    files[1].write_text("one==2\n")
    assert installs() == ["requirements tools"]
    files[0].write_text("one==2\n")
    assert installs() == ["requirements", "requirements tools"]
    (folder / ".complete-tests").unlink()
    assert installs() == ["requirements tools"]


def test_an_activated_environment_is_made_again_from_the_python_that_made_it(machine: Machine) -> None:
    machine.place("path", "3.13")
    made = local_cloud.ensure_environment()
    (machine.tools / "python3.13").unlink()
    # What a virtual environment's Python answers when it is asked for its base.
    base = machine.python(machine.box / "base", "3.13")
    made.write_text(made.read_text().replace("for last", f'case "$*" in *_base_executable*) echo "{base}" && exit ;; esac\nfor last', 1))
    (machine.cloud / "venv" / local_cloud.MARKER).write_text("half made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{made.parent}:{machine.tools}")
        (made.parent / "python3.13").symlink_to(made)
        assert local_cloud.ensure_environment() == made
    assert local_cloud._ready(machine.cloud / "venv")


def test_a_program_that_is_another_than_was_installed_is_not_run(machine: Machine) -> None:
    machine.place("path", "3.13")
    # The stand-in of DuckDB's own set-up brings what is to be watched.
    python = machine.tools / "python3.13"
    brings = 'case "$*" in *import_extension*) mkdir -p "$HOME/.duckdb/extensions/v1" && echo right >"$HOME/.duckdb/extensions/v1/icu.duckdb_extension" ;; esac\n'
    python.write_text(python.read_text().replace("for last", f"{brings}for last", 1))
    folder = local_cloud.ensure_environment().parent.parent
    program = folder / "home/.duckdb/extensions/v1/icu.duckdb_extension"
    assert program.read_text() == "right\n" and local_cloud._ready(folder)
    os.utime(program, (1, 1))
    assert local_cloud._ready(folder), "another time alone, as of a restored copy, is no change"
    for spoil in (lambda: program.write_text("wrong\n"), program.unlink):
        spoil()
        assert not local_cloud._ready(folder)
        local_cloud.ensure_environment()
        assert program.read_text() == "right\n" and local_cloud._ready(folder)


# ----------------------------------------------------------------------------------------------------------- the locks
# Each lock, and what it must satisfy.
LOCKS = {
    "requirements.lock": ("requirements.txt",),
    "tests/requirements.lock": ("requirements.txt", "tests/requirements.txt", "requirements.lock"),
    **{f"collector/locks/{name}.lock": (f"collector/locks/{name}.txt",) for name in ("emulators", "pip", "uv")},
}


def pinned(name: str) -> dict[str, list[Requirement]]:
    """A lock's packages, by name. Asserts that there is nothing in it but versions and checksums."""
    text = (ROOT / name).read_text().replace(" \\\n", " ")
    found: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            entry = re.fullmatch(r"([a-z0-9.-]+==[A-Za-z0-9.+]+(?: ; [^#]+?)?)((?: +--hash=sha256:[0-9a-f]{64})+)", line)
            assert entry, f"{name}: {line[:100]}"
            package = Requirement(entry[1])
            found.setdefault(package.name, []).append(package)
    return found


def asked_for(name: str) -> list[Requirement]:
    if name.endswith(".lock"):
        return [one for same in pinned(name).values() for one in same]
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [Requirement(line) for line in lines if line]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_pins_what_is_asked_for_with_checksums_and_names_no_place(name: str) -> None:
    locked = pinned(name)
    assert locked
    for file in (*LOCKS[name], "collector/locks/constraints.txt"):
        for wanted in asked_for(file):
            there = locked.get(canonicalize_name(wanted.name), [])
            if "constraints" in file:
                there = [one for one in there if str(one.marker) == str(wanted.marker)]
            else:
                assert there, f"{wanted} is not in {name}; run collector/environment.py --lock"
            for one in there:
                (version,) = one.specifier
                fits = wanted.specifier.contains(version.version) or (file.endswith(".lock") and str(one.marker) != str(wanted.marker))
                assert fits, f"{one} is not {wanted}; run collector/environment.py --lock"
    assert not re.search(r"://|file:|^-|index", (ROOT / name).read_text(), re.MULTILINE)


def test_what_is_installed_needs_nothing_that_is_not_locked() -> None:
    """Followed from package to package, for the Python that runs this."""
    locked = pinned("tests/requirements.lock")
    seen, left = set(), [(one.name, frozenset(one.extras)) for file in LOCKS["tests/requirements.lock"][:2] for one in asked_for(file) if applies(one)]
    while left:
        name, extras = left.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        assert canonicalize_name(name) in locked, f"{name} is not locked"
        needed = [Requirement(text) for text in metadata.requires(name) or ()]
        left += [(one.name, frozenset(one.extras)) for one in needed if any(applies(one, extra) for extra in ("", *extras))]
    assert len(seen) > 50


def applies(package: Requirement, extra: str = "") -> bool:
    return package.marker is None or package.marker.evaluate({"extra": extra})


def test_the_list_of_licences_names_every_locked_package_that_is_installed() -> None:
    command = [sys.executable, "-I", str(ROOT / "collector/environment.py"), "--licences"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    rows = {canonicalize_name(name): (version, licence) for name, version, licence in (re.split(r"  +", line, maxsplit=2) for line in listed)}
    locked = [name for name, same in pinned("tests/requirements.lock").items() if any(map(applies, same))]
    assert len(locked) > 50
    for name in locked:
        version, licence = rows[name]
        assert version == metadata.version(name)
        assert licence != "not told" and len(licence) < 200, name
    assert rows["requests"][1] == "Apache-2.0" or "Apache" in rows["requests"][1]


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in LOCKS if "emulators" not in name])
def test_a_lock_is_complete(name: str, tmp_path: Path) -> None:
    """pip itself, which takes nothing without a checksum, finds all that is needed in it. Needs PyPI."""
    command = [sys.executable, *environment.LOCKED, "--dry-run", "--ignore-installed", "--quiet", "--report", str(tmp_path / "report"), "-r", str(ROOT / name)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stderr
    got = {canonicalize_name(one["metadata"]["name"]) for one in json.loads((tmp_path / "report").read_text())["install"]}
    assert got == {package for package, same in pinned(name).items() if any(map(applies, same))}


@pytest.mark.emulators
def test_the_emulators_lack_nothing() -> None:
    python = local_cloud.ensure_environment()
    ran = subprocess.run([str(python), "-I", "-m", "pip", "check"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    frozen = subprocess.run([str(python), "-I", "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout.split()
    locked = {f"{name}{one.specifier}" for name, same in pinned("collector/locks/emulators.lock").items() for one in same}
    assert len(frozen) > 40
    assert {f"{canonicalize_name(name)}=={version}" for name, version in (line.split("==") for line in frozen)} <= locked


@pytest.mark.long
def test_the_locks_are_what_their_command_makes_wherever_it_runs(tmp_path: Path) -> None:
    """Again from what they pin: nothing changes, and this machine's own settings of pip and uv leave no trace. Needs PyPI."""
    for name in (*LOCKS, *(file for files in LOCKS.values() for file in files), "collector/environment.py", "collector/locks/constraints.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    elsewhere = {"UV_FIND_LINKS": "/somewhere/wheels", "UV_CONSTRAINT": "/somewhere/constraints.txt", "UV_EXTRA_INDEX_URL": "file:///somewhere/simple"}
    command = [sys.executable, "-I", str(tmp_path / "collector/environment.py"), "--lock"]
    ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **elsewhere}, timeout=500)
    assert ran.returncode == 0, ran.stderr
    assert {name: (tmp_path / name).read_text() for name in LOCKS} == {name: (ROOT / name).read_text() for name in LOCKS}


@pytest.mark.long
def test_a_fresh_clone_sets_itself_up_with_bash_and_one_python(tmp_path: Path) -> None:
    """The real thing: PATH and HOME hold nothing else. Needs PyPI; without internet, an old Python ends in one line."""
    clone, tools, home = tmp_path / "a clone", tmp_path / "tools", tmp_path / "home"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(".git", ".venv*", ".local_cloud", ".*_cache", "logs", "__pycache__"))
    for folder in (tools, home):
        folder.mkdir()
    for tool in ("bash", "cat", "cksum", "date", "dirname", "basename", "env", "grep", "head", "mkdir", "mkfifo", "mktemp", "rm", "sed", "sleep", "tail", "tee"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    (tools / "python3").symlink_to(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.lower().endswith("_proxy")}
    ran = subprocess.run(
        [str(clone / "deploy_data_collectors.sh"), "--setup", "--local"], cwd=home, env={**kept, "PATH": str(tools), "HOME": str(home)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert (clone / ".venv/.complete").exists(), ran.stderr
    if ran.returncode and "{}.{}".format(*sys.version_info) not in local_cloud.PYTHONS:
        assert ran.returncode == 2
        assert re.search(r"^local_cloud: the emulators need .* could not fetch Python 3\.13 \(.*\); install one .*\n\Z", ran.stderr, re.M)
    else:
        assert ran.returncode == 0, ran.stderr
        assert local_cloud._ready(clone / ".local_cloud/venv")


def test_an_interrupted_step_may_remove_its_temporary_files_and_is_gone_then(tmp_path: Path) -> None:
    step = "import sys, tempfile, time; folder = tempfile.TemporaryDirectory(dir=sys.argv[1]); open(sys.argv[1] + '/begun', 'w').close(); time.sleep(60)"
    code = (
        "import os, signal, sys; from collector import environment as e; signal.signal(signal.SIGTERM, e._stop); "
        "e.step('wait', [sys.executable, '-c', *sys.argv[1:]], open(os.devnull, 'w'), 0)"
    )
    with subprocess.Popen([sys.executable, "-c", code, step, str(tmp_path)], cwd=ROOT) as process:
        deadline = time.monotonic() + 60
        while not (tmp_path / "begun").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.terminate()
        assert process.wait(60) == 143
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]
