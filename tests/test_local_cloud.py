"""local_cloud.py: the emulators start, keep data through every kind of end, and mistakes are told in one line."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import local_cloud
from local_cloud import LOOPBACK, LocalCloud, LocalCloudError

SCRIPT = str(Path(local_cloud.__file__))
NAMES = ("test-project", "test-bucket", "test_dataset")
FREE_PORTS = ("--gcs-port", "0", "--bigquery-port", "0")


@pytest.fixture(scope="session", autouse=True)
def environment() -> None:
    local_cloud.ensure_environment()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    # The name has all that a path may hold and SQL, globs and shells would stumble over.
    return tmp_path / "it's [my] *data*"


def cloud_at(data: Path, **options: Any) -> LocalCloud:
    return LocalCloud(data, *NAMES, **options)


def command(data: Path, *arguments: str, action: str = "run") -> list[str]:
    own = [sys.executable, SCRIPT, action, "--data-dir", str(data), *FREE_PORTS]
    return [*own, "--", *arguments] if action == "run" else own


def upload(cloud: LocalCloud, name: str, content: bytes) -> None:
    from google.cloud import storage
    from google.oauth2.credentials import Credentials

    options = {"api_endpoint": cloud.storage_url}
    client = storage.Client(cloud.project, Credentials(cloud.token), client_options=options)
    client.bucket(cloud.bucket).blob(name).upload_from_string(content, "application/gzip")


def listed(cloud: LocalCloud) -> list[str]:
    status, text = cloud.request("GET", f"{cloud.storage_url}/storage/v1/b/{cloud.bucket}/o")
    assert status == 200, text
    return [item["name"] for item in json.loads(text).get("items", ())]


def query(cloud: LocalCloud, sql: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in bigquery_client(cloud).query(sql).result(timeout=60)]


def bigquery_client(cloud: LocalCloud) -> Any:
    from google.cloud import bigquery
    from google.oauth2.credentials import Credentials

    options = {"api_endpoint": cloud.bigquery_url}
    return bigquery.Client(cloud.project, Credentials(cloud.token), client_options=options, location=cloud.location)


def load(cloud: LocalCloud, uri: str, table: str, job_id: str | None = None) -> None:
    from google.cloud import bigquery

    config = bigquery.LoadJobConfig(
        source_format="CSV",
        field_delimiter="\x01",
        quote_character="",
        schema=[bigquery.SchemaField("line", "STRING")],
        write_disposition="WRITE_TRUNCATE",
    )
    target = f"{cloud.project}.{cloud.dataset}.{table}"
    bigquery_client(cloud).load_table_from_uri([uri], target, job_id=job_id, job_config=config).result(timeout=60)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return not Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].startswith(" Z")


def wait_until(true: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


LINES = b'{"a": 0.000, "b": "say \\"hi\\", caf\xc3\xa9"}\n{"a": null}\n'


def fill(cloud: LocalCloud) -> None:
    upload(cloud, "raw/x/2022/06/x.ndjson.gz", gzip.compress(LINES))
    load(cloud, f"gs://{cloud.bucket}/raw/x/2022/06/x.ndjson.gz", "t")


def check_filled(cloud: LocalCloud) -> None:
    assert listed(cloud) == ["raw/x/2022/06/x.ndjson.gz"]
    assert [line for (line,) in query(cloud, f"SELECT line FROM {cloud.dataset}.t")] == LINES.decode().splitlines()


def test_data_outlives_stopping_killing_and_moving(data: Path) -> None:
    with cloud_at(data) as cloud:
        fill(cloud)
        check_filled(cloud)
        query(cloud, f"CREATE TABLE {cloud.dataset}.u AS SELECT 1 AS a; DELETE FROM {cloud.dataset}.u WHERE TRUE")
    assert not [path for path in data.iterdir() if path.name == ".tmp"]

    cloud = cloud_at(data).start()
    check_filled(cloud)
    query(cloud, f"INSERT INTO {cloud.dataset}.u VALUES (2), (3)")
    for name in ("storage", "bigquery"):
        os.kill(cloud.pid(name), signal.SIGKILL)
    wait_until(lambda: len(cloud.dead()) == 2)
    cloud.stop()

    moved = data.rename(data.parent / "elsewhere")
    with cloud_at(moved) as cloud:
        check_filled(cloud)
        assert query(cloud, f"SELECT COUNT(*) FROM {cloud.dataset}.u") == [(2,)]


def test_bucket_and_dataset_are_in_the_location_asked_for(data: Path) -> None:
    with cloud_at(data, location="EU") as cloud:
        bucket = json.loads(cloud.request("GET", f"{cloud.storage_url}/storage/v1/b/{cloud.bucket}")[1])
        assert bucket["location"] == "EU"
        assert bigquery_client(cloud).get_dataset(cloud.dataset).location == "EU"


def test_only_loopback_is_listened_on(data: Path) -> None:
    with cloud_at(data) as cloud:
        addresses = []
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            inodes = {
                str(fd.readlink())[8:-1]
                for name in ("storage", "bigquery")
                for fd in Path(f"/proc/{cloud.pid(name)}/fd").iterdir()
                if fd.exists() and str(fd.readlink()).startswith("socket:")
            }
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            addresses += [row[1].split(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes]
        # 127.0.0.1 in the byte order of the kernel's tables, or that written as an IPv6 address
        assert addresses
        assert set(addresses) <= {"0100007F", "0000000000000000FFFF00000100007F"}


def test_what_a_kill_left_behind_is_mended(data: Path) -> None:
    with cloud_at(data) as cloud:
        fill(cloud)
    bucket = data / "gcs" / NAMES[1]
    (bucket / "raw/x/2022/06/half.ndjson.gz").write_bytes(b"cut")
    (bucket / "raw/.half.gz123").write_bytes(b"")
    Path(f"{bucket}.bucketMetadata").unlink()
    with cloud_at(data) as cloud:
        check_filled(cloud)
        assert cloud.request("GET", f"{cloud.storage_url}/storage/v1/b/{cloud.bucket}")[0] == 200
    assert [path.name for path in bucket.rglob("*") if path.is_file()] == ["x.ndjson.gz"]


def test_a_job_that_ran_when_the_emulator_was_killed_has_failed(data: Path) -> None:
    cloud = cloud_at(data).start()
    slow = (
        "SELECT COUNT(*) FROM UNNEST(GENERATE_ARRAY(1, 300000)) a, UNNEST(GENERATE_ARRAY(1, 300000)) b WHERE a * b = 7"
    )
    job = bigquery_client(cloud).query(slow, job_id="slow", job_retry=None)
    wait_until(lambda: bigquery_client(cloud).get_job("slow").state == "RUNNING")
    os.kill(cloud.pid("bigquery"), signal.SIGKILL)
    wait_until(cloud.dead)
    cloud.stop()
    with cloud_at(data) as cloud:
        job = bigquery_client(cloud).get_job("slow")
        assert job.state == "DONE"
        assert job.error_result["reason"] == "backendError"


def test_replaced_data_does_not_stay_on_the_disk(data: Path) -> None:
    files = lambda: sum(1 for _ in (data / "bq").rglob("*.parquet"))  # noqa: E731
    with cloud_at(data) as cloud:
        for _ in range(3):
            fill(cloud)
        query(cloud, f"CREATE TABLE {cloud.dataset}.gone AS SELECT 1 AS a")
        query(cloud, f"DROP TABLE {cloud.dataset}.gone")
    before = files()
    with cloud_at(data) as cloud:
        check_filled(cloud)
    assert files() < before


def test_a_symbolic_link_in_place_of_the_lock_leads_nowhere(data: Path) -> None:
    data.mkdir()
    precious = data.parent / "precious"
    precious.write_text("mine")
    (data / "lock").symlink_to(precious)
    with pytest.raises(LocalCloudError, match="remove the symbolic link"):
        cloud_at(data).start()
    assert precious.read_text() == "mine"


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "make room there"), (errno.EMFILE, "ulimit -n"), (errno.EACCES, "--data-dir")])
def test_what_hinders_the_lock_has_its_own_words(data: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def fail(*_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(LocalCloudError, match=f"cannot keep data in .*{words}"):
        cloud_at(data).start()


def test_too_few_open_files_are_told_whatever_comes_of_it(data: Path) -> None:
    import resource

    ran = subprocess.run(command(data, "true"), capture_output=True, text=True, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (10, 10)))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"local_cloud: .*Too many open files.*allow more open files \(ulimit -n\).*\n", ran.stderr)


def test_second_run_over_one_folder_is_refused(data: Path) -> None:
    with cloud_at(data):
        second = subprocess.run(command(data, "true"), capture_output=True, text=True)
    assert second.returncode == 2
    assert re.fullmatch(
        rf"local_cloud: .* is in use by another local_cloud.py \(process {os.getpid()}\); .*\n", second.stderr
    )


@pytest.mark.parametrize(("option", "flag"), [("gcs_port", "--gcs-port"), ("bigquery_port", "--bigquery-port")])
def test_busy_port_names_the_port_and_the_way_out(data: Path, option: str, flag: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalCloudError, match=f"^port {port} .* choose another with {flag} N or LOCAL_CLOUD_"):
            cloud_at(data, **{option: port}).start()
    with cloud_at(data, **{option: port}) as cloud:  # and nothing was left running or locked
        assert str(port) in cloud.storage_url + cloud.bigquery_url


def test_run_gives_its_command_the_variables_and_returns_its_code(data: Path) -> None:
    show = "import json, os; print(json.dumps(dict(os.environ))); raise SystemExit(7)"
    env = {**os.environ, "BMRS_PROJECT": "from-environment", "HTTP_PROXY": "http://192.0.2.1:9"}
    own = [*command(data)[:-1], "--bucket", "from-flag"]
    done = subprocess.run([*own, "--", sys.executable, "-c", show], capture_output=True, text=True, env=env)
    assert done.returncode == 7, done.stderr
    variables = json.loads(done.stdout)
    assert variables["BMRS_PROJECT"] == "from-environment"
    assert variables["BMRS_BUCKET"] == "from-flag"
    assert variables["BMRS_DATASET"] == "uk_energy_prod"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", variables["STORAGE_EMULATOR_HOST"])
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", variables["BIGQUERY_EMULATOR_HOST"])
    assert LOOPBACK in variables["no_proxy"].split(",")
    assert (data / "gcs/from-flag").is_dir()


def test_a_command_ended_by_a_signal_gives_128_and_its_number(data: Path) -> None:
    assert subprocess.run(command(data, "sh", "-c", "kill -9 $$")).returncode == 128 + 9


@pytest.fixture
def waiting(data: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """`run` with a command that counts the signals it gets, waiting; and the processes of the two emulators."""
    script = tmp_path / "wait.py"
    script.write_text(
        "import signal, sys, time\n"
        "got = []\n"
        "for n in (signal.SIGINT, signal.SIGTERM): signal.signal(n, lambda n, _: got.append(n))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "print('got', *map(int, got), flush=True)\n"
        "sys.exit(40 + len(got))\n"
    )
    started = subprocess.Popen(
        command(data, sys.executable, str(script)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    emulators = children_of(started.pid)
    mine = [pid for pid in children_of(started.pid, emulators=False) if pid not in emulators]
    yield started, emulators
    started.kill()
    for pid in mine:  # the command outlives a killed launcher, and would hold the pipes open
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    started.communicate()


def children_of(pid: int, emulators: bool = True) -> list[int]:
    """The emulators among the children of a launcher: both doors, and what stands behind one; or all of its children."""
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    if not emulators:
        return children
    doors = [child for child in children if b"local_door.py" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return doors + [behind for door in doors for behind in children_of(door, emulators=False)]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_once_and_the_end_awaited(waiting: Any, signum: int) -> None:
    started, emulators = waiting
    assert len(emulators) == 3
    started.send_signal(signum)
    out, _ = started.communicate(timeout=30)
    assert out == f"got {int(signum)}\n"
    assert started.returncode == 41
    assert not any(map(alive, emulators))


def test_emulators_do_not_outlive_a_killed_launcher(waiting: Any, data: Path) -> None:
    started, emulators = waiting
    started.kill()
    wait_until(lambda: not any(map(alive, emulators)), seconds=2)
    with cloud_at(data) as cloud:  # the lock went with them
        assert listed(cloud) == []


@pytest.mark.parametrize("which", [0, 1, 2])
def test_an_emulator_that_dies_is_told_of_once_and_ends_the_command(waiting: Any, which: int) -> None:
    started, emulators = waiting
    os.kill(emulators[which], signal.SIGKILL)
    out, err = started.communicate(timeout=30)
    assert err.count("emulator has died") == 1
    assert out == f"got {int(signal.SIGTERM)}\n", "the command is asked to end, once"
    assert started.returncode == 1


def test_ctrl_c_in_a_terminal_reaches_the_command_once(data: Path, tmp_path: Path) -> None:
    script = tmp_path / "count.py"
    script.write_text(
        "import signal, sys, time\n"
        "got = []\n"
        "signal.signal(signal.SIGINT, lambda n, _: got.append(n))\n"
        "print('ready', flush=True)\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.5)\n"
        "sys.exit(40 + len(got))\n"
    )
    pid, terminal = pty.fork()
    if not pid:
        os.execv(sys.executable, command(data, sys.executable, str(script)))
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1000)
    os.write(terminal, b"\x03")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 41
    os.close(terminal)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_serve_prints_variables_and_stops_on_a_signal(data: Path, signum: int, code: int) -> None:
    served = subprocess.Popen(command(data, action="serve"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    lines = [served.stdout.readline() for _ in range(7)]
    names = [f"{part}_EMULATOR_HOST" for part in ("STORAGE", "BIGQUERY")]
    names += ["LOCAL_CLOUD_TOKEN", "BMRS_PROJECT", "BMRS_BUCKET", "BMRS_DATASET"]
    assert [re.match(r"export (\w+)=\S+\n", line)[1] for line in lines[:6]] == names  # type: ignore[index]
    assert lines[6].startswith("# bq --api http://127.0.0.1:")
    emulators = children_of(served.pid)
    served.send_signal(signum)
    _out, err = served.communicate(timeout=30)
    assert served.returncode == code
    assert err.splitlines()[-1:] == ["local_cloud: stopped"]
    assert "Traceback" not in err
    assert not any(map(alive, emulators))


def test_demo_is_the_folder_of_the_demonstration() -> None:
    demo = local_cloud.ROOT / ".local_cloud/demo"
    for action in (["serve"], ["run"], ["query", "SELECT 1"]):
        assert local_cloud.cloud_of(local_cloud.parser().parse_args([*action, "--demo"])).data_dir == demo


def test_serve_ends_with_1_when_an_emulator_dies(data: Path) -> None:
    served = subprocess.Popen(command(data, action="serve"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert served.stdout is not None
    served.stdout.readline()
    os.kill(children_of(served.pid)[0], signal.SIGKILL)
    _, err = served.communicate(timeout=30)
    assert served.returncode == 1
    assert "emulator has died" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "serve | run | query | setup"),
        (["run"], "no command to run; give one after --"),
        (["run", "--"], "no command to run"),
        (["run", "--", "no-such-program"], "cannot run no-such-program"),
        (["serve", "--", "true"], "serve takes no command"),
        (["run", "--gcs-port", "65536", "--", "true"], "'65536' is no port"),
        (["run", "--gcs-port", "x", "--", "true"], "'x' is no port"),
        (["run", "--nonsense", "--", "true"], "--nonsense"),
        (["run", *FREE_PORTS, "--data-dir", "/proc/no", "--", "true"], "cannot keep data in /proc/no"),
        (["run", *FREE_PORTS, "--data-dir", "{}", "--project", "No_Project", "--", "true"], "Invalid project ID"),
        (["run", *FREE_PORTS, "--data-dir", "{}", "--bucket", "a/b", "--", "true"], "cannot create the bucket 'a/b'"),
        (["run", *FREE_PORTS, "--data-dir", "{}", "--dataset-id", "a-b", "--", "true"], "cannot create the dataset"),
    ],
)
def test_wrong_use_is_one_line_and_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    given = [argument.format(tmp_path) for argument in arguments]
    done = subprocess.run([sys.executable, SCRIPT, *given], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"local_cloud: .*; .*\n", done.stderr), done.stderr
    assert words in done.stderr


@pytest.mark.parametrize("action", [[], ["serve"], ["run"], ["query"], ["setup"]])
def test_help_fits_80_columns(action: list[str]) -> None:
    done = subprocess.run([sys.executable, SCRIPT, *action, "--help"], capture_output=True, text=True, check=True)
    assert max(map(len, done.stdout.splitlines())) < 80


def test_api_env_is_read_and_never_executed(tmp_path: Path) -> None:
    file = tmp_path / "api.env"
    file.write_bytes(
        b"\xef\xbb\xbfBMRS_PROJECT=plain\r\nexport BMRS_BUCKET = 'quo # ted' # note\nBMRS_DATASET=$(id) # note\n# X=1\nY=\n"
    )
    expected = {"BMRS_PROJECT": "plain", "BMRS_BUCKET": "quo # ted", "BMRS_DATASET": "$(id)", "Y": ""}
    assert local_cloud.api_env(file) == expected
    assert local_cloud.api_env(tmp_path / "none") == {}
