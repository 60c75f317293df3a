"""What stands in production/: as far as it can be run here it is, the rest is held against what it has to agree with."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Place, days
from google_front import GoogleFront

from collector.cloud.refusals import ROLES
from collector.settings import SETTINGS
from collector.storage.day_objects import object_name

FILES = ROOT / "production"
PAGE = (ROOT / "docs/production.md").read_text()
ROLE_NAMES = {role.name for role in ROLES}
NOBODY = 65_534
# Of the system, what the image's base has too: programs, libraries, settings.
SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc")


def file(name: str) -> str:
    return (FILES / name).read_text()


def instructions(name: str) -> list[list[str]]:
    """Of a Dockerfile the words of each instruction; JSON forms as such."""
    found = []
    for line in re.sub(r"\\\n", " ", file(name)).splitlines():
        if line and not line.startswith("#"):
            word, _, rest = line.partition(" ")
            found.append([word, *(json.loads(rest) if rest.startswith("[") else rest.split())])
    return found


def copied(to: Path) -> None:
    """What the image has in its work folder, as the Dockerfile copies it."""
    for word, *arguments in instructions("Dockerfile"):
        if word != "COPY":
            continue
        *sources, target = arguments
        for source in sources:
            path = ROOT / source
            if path.is_dir():
                shutil.copytree(path, to / target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place = to / target / path.name if target.endswith("/") else to / target
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)


def tool(name: str) -> str:
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


# --------------------------------------------------------------------------------------------------------------- the image
@pytest.mark.long
def test_the_image_runs_as_nobody_read_only_in_little_memory_with_an_empty_environment(place: Place, tmp_path: Path) -> None:
    """A bare root folder stands for the image: the system's programs, a Python, /app as the Dockerfile copies it; all of it
    read-only but /tmp. The account is the machine's (its metadata server), Google's addresses lead to the emulators."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs root and mount namespaces")
    root, app, python = tmp_path / "root", tmp_path / "app", Path(sys.base_prefix)
    copied(app)
    (app / ".venv").mkdir()
    services = place.services
    with GoogleFront(app, services["STORAGE_EMULATOR_HOST"], services["BIGQUERY_EMULATOR_HOST"], services["LOCAL_CLOUD_TOKEN"]) as front:
        (app / "stand-in.pem").chmod(0o644)
        env = {
            "HOME": "/tmp", "PATH": "/usr/local/bin:/usr/bin:/bin", "BMRS_PROJECT": place.bq.project, "BMRS_BUCKET": place.bucket_name, "BMRS_DATASET": place.dataset_id,
            **place.api.environment, **front.env, **front.metadata_env, "REQUESTS_CA_BUNDLE": "/app/stand-in.pem",
        }  # fmt: skip
        mounts = [f"mount --bind {shlex.quote(source)} {shlex.quote(f'{root}{target}')} && mount -o remount,bind,ro {shlex.quote(f'{root}{target}')}"
                  for source, target in [*((s, s) for s in SYSTEM if Path(s).is_dir()), (str(app), "/app"), (str(ROOT / ".venv"), "/app/.venv"), (str(python), str(python))]]  # fmt: skip
        for target in (*SYSTEM, "/app", "/tmp", "/proc", "/dev", str(python)):
            (root / target[1:]).mkdir(parents=True, exist_ok=True)
        root.chmod(0o755)
        script = "\n".join((
            "set -e", f"mount --bind {shlex.quote(str(root))} {shlex.quote(str(root))}", *mounts,
            f"mount -t tmpfs -o mode=1777,size=64m none {shlex.quote(f'{root}/tmp')}", f"mount -t proc none {shlex.quote(f'{root}/proc')}",
            f"mount --rbind /dev {shlex.quote(f'{root}/dev')}", f"mount -o remount,bind,ro {shlex.quote(str(root))}",
            "ulimit -v 524288",
            f'exec chroot --userspec={NOBODY}:{NOBODY} {shlex.quote(str(root))} /usr/bin/env -i {shlex.join(f"{n}={v}" for n, v in env.items())} "$@"',
        ))  # fmt: skip
        (entry,) = (words[1:] for words in instructions("Dockerfile") if words[0] == "ENTRYPOINT")
        what = ["--datasets", "demand_outturn", "--start-date", "2024-03-30", "--end-date", "2024-04-01"]
        ran = subprocess.run(
            ["unshare", "--mount", "--propagation", "private", "bash", "-c", script, "run", *entry, *what],
            capture_output=True, text=True, timeout=240, env={"PATH": os.environ["PATH"]}, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert front.tokens, "the machine's account was asked for"
    assert set(front.tokens) == {"machine"}
    assert set(place.objects()) == {object_name("demand_outturn", day) for day in days("2024-03-30", "2024-04-01")}
    assert place.query(f"SELECT dataset, verdict FROM `{place.bq.project}.{place.dataset_id}.collector_runs`") == [("demand_outturn", "ok")]
    for line in (ran.stdout + ran.stderr).splitlines():
        assert {"severity", "message"} <= set(json.loads(line)), line
    assert "The dataset is verified." in ran.stdout
    assert not (app / "logs").exists()


def test_the_image_has_what_the_programs_need_and_nothing_of_the_developers(tmp_path: Path) -> None:
    copied(tmp_path)
    asked = "import enhanced_elexon_neso_downloader, enhanced_bigquery_loader, collector.deploy, collector.verify.run_end, collector.verify.report"
    subprocess.run([sys.executable, "-B", "-c", asked], cwd=tmp_path, check=True, timeout=60, env={"PATH": os.environ["PATH"]})
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "collector", "datasets_config.py", "deploy_data_collectors.sh", "enhanced_bigquery_loader.py", "enhanced_elexon_neso_downloader.py",
        "requirements.lock", "views",
    ]  # fmt: skip
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    needed = {source.split("/")[0] for word, *rest in instructions("Dockerfile") if word == "COPY" for source in rest[:-1]}
    assert let_in == needed | {"production/Dockerfile"}
    assert not any("gcloud" in " ".join(words) for words in instructions("Dockerfile"))


def test_a_read_only_checkout_with_no_logs_still_says_why_it_cannot_start(tmp_path: Path) -> None:
    """In an empty environment, as nobody: one entry of a log, exit code 2."""
    copied(tmp_path)
    (tmp_path / ".venv").symlink_to((ROOT / ".venv").resolve())
    command = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", str(tmp_path / "deploy_data_collectors.sh"), "--log-format", "json", "--datasets", "nonsense"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 2
    (entry,) = map(json.loads, ran.stderr.splitlines())
    assert entry["severity"] == "ERROR"
    assert "unknown dataset 'nonsense'" in entry["message"]


# ------------------------------------------------------------------------------------------------------- accounts and settings
@pytest.mark.parametrize("name", ["main.tf", "cloud_run.sh"])
def test_the_collecting_account_has_the_roles_of_the_readme_and_no_other(name: str) -> None:
    beside = {"roles/run.invoker", "roles/secretmanager.secretAccessor"}
    assert set(re.findall(r"roles/[\w.]+", file(name))) - beside == ROLE_NAMES


@pytest.mark.parametrize("path", sorted(FILES.iterdir()), ids=lambda path: path.name)
def test_settings_that_are_named_exist_and_the_page_tells_of_each_file(path: Path) -> None:
    assert set(re.findall(r"\bBMRS_[A-Z_]+[A-Z]", path.read_text())) <= {setting.variable for setting in SETTINGS}
    assert f"production/{path.name}" in PAGE


def test_one_schedule_and_one_memory_everywhere() -> None:
    assert file("main.tf").count('"30 6 * * *"') == file("cloud_run.sh").count("'30 6 * * *'") == 1
    assert '- cron: "30 6 * * *"' in file("github-actions.yml")
    assert re.findall(r"^30 6 \* \* \* ", file("crontab"), re.M)
    assert "OnCalendar=*-*-* 06:30:00 Europe/London" in file("gb-electricity.timer")
    assert 'memory = "2Gi"' in file("main.tf")
    assert "--memory=2Gi" in file("cloud_run.sh")


def test_terraform_is_well_formed() -> None:
    subprocess.run([tool("terraform"), "fmt", "-check", "-diff", str(FILES)], check=True, timeout=60, capture_output=True)
    text = file("main.tf")
    defined = {f"{kind}.{name}" for kind, name in re.findall(r'^resource "(\w+)" "(\w+)"', text, re.M)}
    used = set(re.findall(r"\b(google_\w+\.\w+)(?:\.\w+|\])", text))
    assert used <= defined
    assert set(re.findall(r"\bvar\.(\w+)", text)) == set(re.findall(r'^variable "(\w+)"', text, re.M))
    assert set(re.findall(r"\blocal\.(\w+)", text)) == set(re.findall(r"^  (\w+) +=", text.partition("locals {")[2].partition("\n}")[0], re.M))


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name in ("gb-electricity.service", "gb-electricity.timer"):
        text = file(name).replace("/opt/gb-electricity/deploy_data_collectors.sh", str(ROOT / "deploy_data_collectors.sh"))
        (tmp_path / name).write_text(text.replace("User=gb-electricity", "User=root"))
    paths = [str(tmp_path / name) for name in ("gb-electricity.service", "gb-electricity.timer")]
    ran = subprocess.run([tool("systemd-analyze"), "verify", *paths], capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in ran.stderr.splitlines() if "gb-electricity" in line]
    assert said == []


def test_the_lines_of_the_crontab_mail_what_is_wrong_and_nothing_else(tmp_path: Path) -> None:
    """Each line is run as cron would, with a stand-in for the script that fails or does not."""
    lines = [line.split(None, 5)[5] for line in file("crontab").splitlines() if line[:1].isdigit()]
    assert len(lines) == 2
    script = tmp_path / "deploy_data_collectors.sh"
    for line in lines:
        assert "%" not in line, "cron takes it for a line end"
        for code, mailed in ((0, ""), (1, "wrong")):
            script.write_text(f"#!/bin/sh\necho wrong\nexit {code}\n")
            script.chmod(0o755)
            ran = subprocess.run(
                ["/bin/sh", "-c", line.replace("/opt/gb-electricity", str(tmp_path))],
                env={"HOME": "/tmp"}, capture_output=True, text=True, timeout=20, check=False,
            )  # fmt: skip
            assert ran.stdout.strip() == mailed
