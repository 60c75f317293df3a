"""No secrets in the repository, no known holes in what it depends on, no code run out of data."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

SECRETS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----",
    "a Google API key": r"AIza[0-9A-Za-z_-]{35}",
    "a Google access token": r"ya29\.[0-9A-Za-z_-]{20,}",
    "a Google refresh token": r"\b1//0[0-9A-Za-z_-]{20,}",
    "a Google client secret": r"GOCSPX-[0-9A-Za-z_-]{20,}",
    "a service account": r"\"private_key(?:_id)?\"\s*:\s*\"[^\"]{8,}",
    "an AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a GitHub token": r"\bgh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{40,}",
    "a Slack token": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "a web token": r"\beyJ[0-9A-Za-z_-]{15,}\.eyJ[0-9A-Za-z_-]{15,}\.",
    "a password in an address": r"https?://[^\s/:@'\"{}]+:(?!pa55word)[^\s/@'\"{}]+@",
    "a password": r"(?i)(?:password|passwd|pwd|secret|api_?key|token)\s*[=:]\s*[\"'](?!s3cr[e3]t)[0-9A-Za-z+/_=-]{12,}[\"']",
    "an Elexon key": r"BMRS_API_KEY\s*=\s*[0-9a-z]{12,}",
}


def tracked() -> list[Path]:
    """The files of the repository, and those that would be added to it."""
    ran = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip("not a git checkout: nothing is tracked")
    return [ROOT / name for name in ran.stdout.split("\0") if name and (ROOT / name).is_file()]


def found_in(text: str) -> list[str]:
    return [what for what, pattern in SECRETS.items() if re.search(pattern, text)]


def test_no_secret_is_in_a_tracked_file() -> None:
    files = tracked()
    assert len(files) > 10
    told = {str(path.relative_to(ROOT)): found_in(path.read_text(errors="replace")) for path in files}
    assert {name: what for name, what in told.items() if what} == {}
    assert not [path for path in files if path.name in ("api.env", ".env", "application_default_credentials.json") or path.suffix in (".pem", ".p12", ".key")]


@pytest.mark.parametrize(
    ("what", "parts"),
    [
        ("a private key", ("-----BEGIN ", "RSA PRIVATE KEY-----")), ("a Google API key", ("AI", "za" + "x" * 35)),
        ("a Google access token", ("ya", "29.a0" + "x" * 30)), ("an AWS key", ("AK", "IA" + "X" * 16)),
        ("a password in an address", ("https://me:", "hunter2x@host")), ("a password", ("password", " = 'correct-horse-battery'")),
        ("an Elexon key", ("BMRS_API_", "KEY=0123456789abcdef")),
    ],
)  # fmt: skip
def test_the_scan_would_find_one(what: str, parts: tuple[str, str]) -> None:
    assert what in found_in("".join(parts))


def test_api_env_and_logs_are_not_tracked() -> None:
    ran = subprocess.run(["git", "-C", ROOT, "check-ignore", "api.env", "logs/x.log", ".venv/x", ".local_cloud/x"], capture_output=True, text=True)
    if ran.returncode == 128:
        pytest.skip("not a git checkout: nothing is ignored")
    assert ran.stdout.split() == ["api.env", "logs/x.log", ".venv/x", ".local_cloud/x"]


FORBIDDEN = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.loads", "pickle.load", "marshal.loads", "yaml.load"}


def test_no_program_runs_text_as_code_or_leaves_certificates_unchecked() -> None:
    for path in (*ROOT.glob("*.py"), *(ROOT / "collector").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                where = f"{path.name}:{node.lineno}"
                assert ast.unparse(node.func) not in FORBIDDEN, where
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("shell") != "True", where
                assert given.get("verify") != "False", where
    for script in (ROOT / "deploy_data_collectors.sh", *(ROOT / "collector/shell").glob("*.sh")):
        read = re.findall(r"^\s*(?:eval|source|\.)\s.*", script.read_text(), re.MULTILINE)
        # Its own parts.
        assert read == ['    . "$ROOT/collector/shell/$part.sh"'] * (script.parent == ROOT), script.name


@pytest.mark.parametrize("script", ["deploy_data_collectors.sh", "tests/run_tests.sh"])
def test_the_environment_lends_a_script_no_code(script: str, tmp_path: Path) -> None:
    """A module that Python would load at its start, a file that each bash within would run first."""
    (tmp_path / "sitecustomize.py").write_text(f"open({str(tmp_path / 'python ran it')!r}, 'w')\n")
    lines = (ROOT / script).read_text().splitlines()
    (begin,) = [number for number, line in enumerate(lines) if line.startswith("set -euo")]
    (end,) = [number for number, line in enumerate(lines) if line.startswith("unset BASH_ENV")]
    # What comes then is this one's stand-in for all the rest. Nothing is run before,
    # but that another shell is told apart, by what is built in.
    told = '[ -n "${BASH_VERSION-}" ] || '
    assert not [line for line in lines[:end] if line and not line.startswith(("#", told)) and lines.index(line) not in (begin, end)]
    head = tmp_path / "head.sh"
    head.write_text("\n".join([*lines[: end + 1], f'"{sys.executable}" -c pass', "bash -c true", "env | grep -E '^(PYTHON|BASH_ENV|ENV=)' || :"]))
    (tmp_path / "first.sh").write_text(f": >>'{tmp_path}/bash ran it'; echo once >>'{tmp_path}/times'\n")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": "x", "PYTHONHOME": "/nowhere", "BASH_ENV": str(tmp_path / "first.sh"), "ENV": "x"}
    ran = subprocess.run(["bash", str(head)], env=env, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("", "")
    assert not (tmp_path / "python ran it").exists()
    # The one that bash itself runs before the script cannot be helped.
    assert (tmp_path / "times").read_text() == "once\n"


@pytest.mark.parametrize("lock", ["requirements.lock", "tests/requirements.lock", "collector/locks/emulators.lock"])
def test_no_known_vulnerability_in_what_is_locked(lock: str) -> None:
    """With pip-audit installed and its service in reach; without, it says so and is skipped."""
    what = ["--requirement", str(ROOT / lock), "--require-hashes", "--disable-pip"]
    command = [sys.executable, "-m", "pip_audit", *what, "--progress-spinner", "off", "--format", "json"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        pytest.skip("pip-audit got no answer within two minutes")
    if "No module named pip_audit" in ran.stderr:
        pytest.skip("pip-audit is not installed; install it with: pip install pip-audit")
    try:
        found = json.loads(ran.stdout)["dependencies"]
    except ValueError:
        pytest.skip(f"pip-audit could not ask its service: {(ran.stderr.strip().splitlines() or ['no reason given'])[-1][:200]}")
    assert found
    assert not [package for package in found if package.get("vulns")]
    unknown = [package for package in found if "skip_reason" in package]
    if unknown:
        pytest.skip(f"pip-audit's service does not know {len(unknown)} of {len(found)} packages: {unknown[0]['skip_reason']}")
    assert ran.returncode == 0, ran.stderr
