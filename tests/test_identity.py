"""Who the programs are for Google: every kind of Application Default Credentials, against Google's own addresses."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DOWNLOADER, LOADER, ROOT, Place
from google_front import ACCOUNT, GoogleFront, private_key

DAY = ("--start-date", "2024-03-31", "--end-date", "2024-03-31", "--datasets", "demand_outturn")
GOOGLE = "https://{}.googleapis.com"
AUDIENCE = "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q"


@pytest.fixture
def front(place: Place, tmp_path: Path) -> Iterator[GoogleFront]:
    with GoogleFront(tmp_path, place.services["STORAGE_EMULATOR_HOST"], place.services["BIGQUERY_EMULATOR_HOST"], place.services["LOCAL_CLOUD_TOKEN"]) as running:
        yield running


@pytest.fixture
def nobody(place: Place, front: GoogleFront) -> Place:
    """A place whose programs have neither emulators, nor HOME, nor gcloud."""
    place.services = {"HOME": "/nonexistent", **front.env}
    place.overrides |= {"NO_GCE_CHECK": "true"}
    return place


def credentials(kind: str, folder: Path) -> dict[str, object]:
    """A file as GOOGLE_APPLICATION_CREDENTIALS may name it."""
    token = GOOGLE.format("oauth2") + "/token"
    user = {"type": "authorized_user", "client_id": "i", "client_secret": "s", "refresh_token": "r", "token_uri": token}
    impersonation = f"{GOOGLE.format('iamcredentials')}/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
    match kind:
        case "user":
            return user
        case "service account":
            return {"type": "service_account", "project_id": "other", "private_key_id": "1", "private_key": private_key()[1], "client_email": ACCOUNT, "token_uri": token}
        case "impersonated":
            return {"type": "impersonated_service_account", "source_credentials": user, "service_account_impersonation_url": impersonation}
    subject = folder / "subject token"
    subject.write_text("an-id-token")
    return {
        "type": "external_account", "audience": AUDIENCE,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": GOOGLE.format("sts") + "/v1/token",
        "credential_source": {"file": str(subject)},
    } | ({} if kind == "federated" else {"service_account_impersonation_url": impersonation})  # fmt: skip


# Kind -> whose token goes to the services.
KINDS = {
    "user": "oauth2", "service account": "oauth2", "impersonated": "iamcredentials",
    "federated": "sts", "federated, then impersonated": "iamcredentials",
}  # fmt: skip


def both(place: Place) -> None:
    for program in (DOWNLOADER, LOADER):
        place.run(program, *DAY).ok()
    place.run(LOADER, "--check-setup").ok()


@pytest.mark.parametrize("kind", KINDS)
def test_both_programs_work_with_a_file_of_each_kind(kind: str, nobody: Place, front: GoogleFront, tmp_path: Path) -> None:
    path = tmp_path / "key file.json"
    path.write_text(json.dumps(credentials(kind, tmp_path)))
    nobody.overrides["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    both(nobody)
    assert nobody.check("demand_outturn", "2024-03-31") == 46
    assert front.bearers == {f"Bearer token-of-{KINDS[kind]}"}


def test_a_federated_identity_shows_its_token_and_is_asked_for_no_project(nobody: Place, front: GoogleFront, tmp_path: Path) -> None:
    """The stand-in has no Cloud Resource Manager, which Google's library would ask: its API is off in many projects."""
    path = tmp_path / "key file.json"
    path.write_text(json.dumps(credentials("federated", tmp_path)))
    nobody.run(DOWNLOADER, *DAY, GOOGLE_APPLICATION_CREDENTIALS=str(path)).ok()
    assert front.exchanged
    for asked in front.exchanged:
        assert (asked["audience"], asked["subject_token"]) == ([AUDIENCE], ["an-id-token"])
        assert all(scope.startswith("https://www.googleapis.com/auth/") for scope in asked["scope"][0].split())
    # Whoever puts the token there has not done so.
    (tmp_path / "subject token").unlink()
    for program in (DOWNLOADER, LOADER):
        ran = nobody.run(program, *DAY, GOOGLE_APPLICATION_CREDENTIALS=str(path))
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert "the credentials were refused" in ran.err
        assert "subject token" in ran.err


def test_both_programs_work_on_a_google_machine(nobody: Place, front: GoogleFront) -> None:
    nobody.overrides = {name: value for name, value in nobody.overrides.items() if name != "NO_GCE_CHECK"} | front.metadata_env
    both(nobody)
    assert front.bearers == {"Bearer token-of-machine"}
    assert nobody.check("demand_outturn", "2024-03-31") == 46


@pytest.mark.parametrize("kind", KINDS)
def test_credentials_that_are_revoked_are_told_in_one_line(kind: str, nobody: Place, front: GoogleFront, tmp_path: Path) -> None:
    path = tmp_path / "key file.json"
    path.write_text(json.dumps(credentials(kind, tmp_path)))
    nobody.overrides["GOOGLE_APPLICATION_CREDENTIALS"] = str(path)
    front.refused = True
    for program in (DOWNLOADER, LOADER):
        ran = nobody.run(program, *DAY)
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert "the credentials were refused" in ran.err
        assert "renew the credentials that GOOGLE_APPLICATION_CREDENTIALS names" in ran.err
        assert "secret" not in ran.err


@pytest.mark.parametrize(
    "content",
    [
        {"type": "service_account", "client_email": "x", "token_uri": "y", "private_key": "no key"}, {"type": "impersonated_service_account"},
        {"type": "impersonated_service_account", "source_credentials": {"type": "authorized_user"}, "service_account_impersonation_url": "x"},
        {"type": "external_account", "audience": "a"}, {"type": "external_account"}, {"type": "of another time"}, [], 1,
    ],
)  # fmt: skip
def test_broken_files_of_each_kind_are_named(content: object, nobody: Place, tmp_path: Path) -> None:
    path = tmp_path / "key file.json"
    path.write_text(json.dumps(content))
    for program in (DOWNLOADER, LOADER):
        ran = nobody.run(program, *DAY, GOOGLE_APPLICATION_CREDENTIALS=str(path))
        assert (ran.code, ran.err.count("\n")) == (2, 1), ran.err
        assert "GOOGLE_APPLICATION_CREDENTIALS names" in ran.err


def _check_credentials(front: GoogleFront, tools: Path, *plan: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The deploy script's own check, with the real Python."""
    text = (ROOT / "collector/shell/prerequisites.sh").read_text(encoding="utf-8")
    (function,) = re.findall(r"^check_credentials\(\) \{.*?^\}$", text, re.M | re.S)
    script = f"""set -euo pipefail
        say() {{ printf '%s\\n' "$*"; }}; detail() {{ say "$@"; }}; die() {{ echo "$*" >&2; exit 2; }}; run() {{ "$@"; }}; stop_if_asked() {{ :; }}
        {function}
        DRY_RUN=no HAS_ACCOUNT=yes; [ $# -eq 0 ] || DRY_RUN=yes
        check_credentials; echo "account: $HAS_ACCOUNT"
    """
    tools.mkdir()
    for tool in ("head", "cat"):
        (tools / tool).symlink_to(shutil.which(tool) or "")
    python = str(ROOT / ".venv/bin/python")
    everything = {"PATH": str(tools), "PY": python, "SCRATCH": str(tools), **front.env, **env}
    bash = shutil.which("bash") or "/bin/bash"
    return subprocess.run([bash, "-c", script, "deploy", *plan], env=everything, capture_output=True, text=True, timeout=120)


def test_the_deploy_script_finds_the_credentials_of_a_google_machine(front: GoogleFront, tmp_path: Path) -> None:
    """No HOME, no gcloud, no file."""
    ran = _check_credentials(front, tmp_path / "tools", **front.metadata_env)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "Application Default Credentials found" in ran.stdout
    assert "not needed to collect" in ran.stdout


def test_the_deploy_script_says_so_where_there_are_none(front: GoogleFront, tmp_path: Path) -> None:
    ran = _check_credentials(front, tmp_path / "tools", NO_GCE_CHECK="true")
    assert ran.returncode == 2
    assert "no Application Default Credentials and no gcloud" in ran.stderr
    assert os.environ.get("HOME", "/nowhere") not in ran.stderr


def test_the_plan_of_the_deploy_script_goes_on_without_any(front: GoogleFront, tmp_path: Path) -> None:
    ran = _check_credentials(front, tmp_path / "tools", "--dry-run", NO_GCE_CHECK="true")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "credentials  none: everything counts as missing" in ran.stdout and "account: no" in ran.stdout
