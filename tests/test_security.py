"""No secrets in the repository, no known holes in what it depends on, no code run out of data."""

from __future__ import annotations

import ast
import json
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
    for path in (*ROOT.glob("*.py"), *(ROOT / "collector").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                where = f"{path.name}:{node.lineno}"
                assert ast.unparse(node.func) not in FORBIDDEN, where
                given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert given.get("shell") != "True", where
                assert given.get("verify") != "False", where
    script = (ROOT / "deploy_data_collectors.sh").read_text()
    assert not re.search(r"^\s*(eval|source|\.)\s", script, re.MULTILINE)


def test_no_known_vulnerability_in_the_dependencies() -> None:
    """With pip-audit installed and its service in reach; without, it says so and is skipped."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", ROOT / "requirements.txt", "--progress-spinner", "off", "--format", "json"]
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
    if all("skip_reason" in package for package in found):
        pytest.skip(f"pip-audit's service knows none of the packages: {found[0]['skip_reason']}")
    assert ran.returncode == 0, [package for package in found if package.get("vulns")]
