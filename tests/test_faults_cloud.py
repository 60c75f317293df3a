"""Faults from Google Cloud: the same end state as without them, no job run twice, and clear words where nothing helps."""

from __future__ import annotations

import gzip
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import pytest
from cloud_proxy import BIGQUERY_FAULTS, STORAGE_FAULTS, Asked, CloudProxy
from conftest import DOWNLOADER, LOADER, PROJECT, Place, content_of
from google.api_core.retry import Retry

import datasets_config
from collector.cloud.bucket import storage_client
from collector.cloud.clients import CLOUD_TIMEOUT
from collector.cloud.dataset import bigquery_client
from collector.storage import day_objects
from collector.warehouse import tables as warehouse
from datasets_config import REGISTRY

FIRST, LAST = "2024-03-30", "2024-04-02"
RANGE = ("--start-date", FIRST, "--end-date", LAST)
KEYS = ("generation_outturn", "market_index", "carbon_intensity", "system_warnings")
WHAT = (*RANGE, "--datasets", *KEYS)


@pytest.fixture
def storage(place: Place) -> Iterator[CloudProxy]:
    """A proxy before the storage emulator, for the programs alone: the test itself looks past it."""
    with CloudProxy(place.services["STORAGE_EMULATOR_HOST"], STORAGE_FAULTS) as proxy:
        place.overrides["STORAGE_EMULATOR_HOST"] = proxy.url
        yield proxy


@pytest.fixture
def bigquery(place: Place) -> Iterator[CloudProxy]:
    """The same before the BigQuery emulator."""
    with CloudProxy(place.services["BIGQUERY_EMULATOR_HOST"], BIGQUERY_FAULTS) as proxy:
        place.overrides["BIGQUERY_EMULATOR_HOST"] = proxy.url
        yield proxy


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    """The same retries, sooner; and a service that says nothing is given up after a second."""

    def sooner(retry: Retry) -> Retry:
        return retry.with_delay(0.05, 0.5).with_timeout(40.0)

    with (
        mock.patch.object(day_objects, "RETRY", sooner(day_objects.RETRY)),
        mock.patch.object(warehouse, "RETRY", sooner(warehouse.RETRY)),
        mock.patch("collector.cloud.clients.CLOUD_TIMEOUT", 1.5),
        mock.patch("google.cloud.storage.constants._DEFAULT_TIMEOUT", 1.5),
    ):
        yield


def tables(place: Place, keys: tuple[str, ...] = KEYS) -> dict[str, tuple[Any, ...]]:
    """Rows, and a checksum over all columns of all rows, of each table: BigQuery adds up, little is carried."""
    found = {}
    for key in keys:
        columns = ", ".join(f"IFNULL(CAST({c.name} AS STRING), '-')" for c in REGISTRY[key].columns)
        sql = f"SELECT COUNT(*), TO_HEX(MD5(STRING_AGG(row_text, '|' ORDER BY row_text))) FROM (SELECT TO_HEX(MD5(CONCAT({columns}))) AS row_text FROM `{place.table_id(key)}`)"
        ((found[key]),) = place.query(sql)
    return found


def contents(place: Place, prefix: str = "raw/") -> dict[str, tuple[str, str, str]]:
    return {name: content_of(blob) for name, blob in place.objects(prefix).items()}


def staging(place: Place) -> list[str]:
    """Staging tables that are left."""
    return [t.table_id for t in place.bq.list_tables(f"{PROJECT}.{place.dataset_id}") if t.table_id.startswith("collector_staging_")]


@pytest.fixture
def undisturbed(new_place: Callable[[], Place]) -> Place:
    """What a run without faults leaves."""
    quiet = new_place()
    quiet.collect(*WHAT)
    return quiet


# -------------------------------------------------------------------------------------------------- any mix of faults
@pytest.mark.parametrize("seed", [1, 2])
def test_a_third_of_all_requests_failing_changes_nothing(
    seed: int, undisturbed: Place, place: Place, storage: CloudProxy, bigquery: CloudProxy
) -> None:
    for proxy in (storage, bigquery):
        proxy.set(rate=0.3, seed=seed)
    place.collect(*WHAT)
    code, _ = place.verification(*WHAT)
    faults = storage.injected() + bigquery.injected()
    assert sum(faults.values()) >= 20, faults
    assert code == 0
    assert contents(place) == contents(undisturbed)
    assert tables(place) == tables(undisturbed)
    assert not staging(place)
    assert max(Counter(job for job in bigquery.inserts() if job.startswith("load_")).values()) >= 1
    assert place.jobs("load") == len(KEYS), "a load job whose answer was lost is not run again under another name"


@pytest.mark.parametrize("fault", STORAGE_FAULTS)
def test_each_fault_of_storage(fault: str, place: Place, storage: CloudProxy) -> None:
    """Every listing, upload, copy and patch fails with it, twice, then succeeds."""
    storage.rule = lambda asked: fault if asked.kind != "object" and asked.number <= 2 else ""
    what = (*RANGE, "--datasets", "market_index")
    place.download(*what).ok()
    place.api.change("MID", "2024-03-31", "revision")
    place.download(*what, "--force").ok()
    assert {"upload", "list", "copy", "patch"} <= {asked.kind for asked in storage.asked if asked.fault == fault}
    for day in ("2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"):
        assert sorted(place.lines("market_index", day)) == sorted(place.api.expected("MID", day))
    assert len(place.objects("superseded/")) >= 1
    assert len({re.sub(r"\.\d+\.ndjson", "", name) for name in place.objects("superseded/")}) == 1, "only the day that changed"


@pytest.mark.parametrize("fault", [*BIGQUERY_FAULTS, "504", "jobRateLimitExceeded"])
def test_each_fault_of_bigquery(fault: str, place: Place, bigquery: CloudProxy) -> None:
    """Every look at a table, job insert, poll and query fails with it, twice, then succeeds; no job runs twice."""
    bigquery.rule = lambda asked: fault if asked.kind != "dataset" and asked.number <= 2 else ""
    place.download(*RANGE, "--datasets", "market_index").ok()
    before = place.jobs("load")
    for _ in range(2):
        # The second time there is a ledger to be asked.
        place.load(*RANGE, "--datasets", "market_index").ok()
    assert {"insert", "table", "query"} <= {asked.kind for asked in bigquery.asked if asked.fault == fault}
    assert place.jobs("load") - before == 1
    for day in ("2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"):
        assert place.check("market_index", day)
    assert not staging(place)


def test_polls_of_a_running_job_may_fail(place: Place, bigquery: CloudProxy) -> None:
    """The first answer to an insert says that the job runs; then polls break, and at last tell the truth."""
    place.download(*RANGE, "--datasets", "market_index").ok()
    faults = iter(["503", "reset", "500", "lost", "rateLimitExceeded"] * 2)
    bigquery.rule = lambda asked: "lost" if asked.kind == "insert" and asked.number == 1 else next(faults, "") if asked.kind == "poll" else ""
    ran = place.load(*RANGE, "--datasets", "market_index").ok()
    assert next(faults, None) is None
    assert (ran.cell("market_index", "LOADED"), place.jobs("load")) == ("4", 1)
    assert place.check("market_index", "2024-03-31")


# ------------------------------------------------------------------------------------------------------------ lost answers
@pytest.mark.parametrize("kind", ["load_", "publish_"])
def test_a_job_whose_answer_was_lost_is_found_by_its_id(kind: str, place: Place, bigquery: CloudProxy) -> None:
    place.download(*RANGE, "--datasets", "market_index").ok()
    bigquery.rule = lambda asked: "lost" if asked.job_id.startswith(kind) and asked.number == 1 else ""
    place.load(*RANGE, "--datasets", "market_index").ok()
    asked = [job for job in bigquery.inserts() if job.startswith(kind)]
    assert len(asked) == 2, "asked for once more, because the answer was lost"
    assert len(set(asked)) == 1, "under the same id"
    ran = [job.job_id for job in place.bq.list_jobs() if job.job_id in asked]
    assert ran == asked[:1], "and run once"
    assert place.check("market_index", "2024-03-31")


@pytest.mark.parametrize("kind", ["load_", "publish_"])
def test_a_job_that_a_dead_run_left_is_found_by_the_next(kind: str, place: Place, bigquery: CloudProxy) -> None:
    """The first run asks for the job, hears nothing for good, and ends; the job was done."""
    place.download(*RANGE, "--datasets", "market_index").ok()
    bigquery.rule = lambda asked: "lost" if asked.kind in ("insert", "poll") and (asked.job_id.startswith(kind) or kind in asked.path) else ""
    with mock.patch.object(warehouse, "RETRY", warehouse.RETRY.with_timeout(1.0)):
        ran = place.load(*RANGE, "--datasets", "market_index")
    assert ran.code == 1
    bigquery.rule = lambda _asked: ""
    place.load(*RANGE, "--datasets", "market_index").ok()
    assert place.jobs("load") <= 2
    for day in ("2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"):
        assert place.check("market_index", day)
    code, _ = place.verification(*RANGE, "--datasets", "market_index")
    assert code == 0


@pytest.mark.parametrize("kind", ["load_", "publish_"])
def test_a_job_that_failed_when_its_run_was_killed_stands_in_nobodys_way(kind: str, place: Place, bigquery: CloudProxy) -> None:
    """The loader dies and its staging table goes, just before the job starts: the job fails, its id is taken."""
    what = (*RANGE, "--datasets", "market_index")
    place.download(*what).ok()
    failed = []

    def strike(asked: Asked) -> None:
        if asked.job_id.startswith(kind) and not failed:
            failed.append(asked.job_id)
            process.kill()
            for name in staging(place):
                place.bq.delete_table(f"{PROJECT}.{place.dataset_id}.{name}")

    bigquery.before = strike
    process = place.start(LOADER, *what)
    process.communicate(timeout=60)
    ended: list[Any] = []
    while not ended:
        time.sleep(0.1)
        ended = [job for job in place.bq.list_jobs() if job.job_id == failed[0] and job.state == "DONE"]
    assert ended[0].error_result
    place.load(*what).ok()
    assert place.check("market_index", "2024-03-31")
    assert not staging(place)


def test_a_conflict_about_a_job_that_cannot_be_found_is_not_the_end(place: Place, bigquery: CloudProxy) -> None:
    """Seen in the real service: 409 for an id, then 404 for it. The work is done under another one."""
    place.download(*RANGE, "--datasets", "market_index").ok()
    ids = [f"/jobs/{PROJECT}"]

    def rule(asked: Asked) -> str:
        if asked.job_id.startswith("load_") and not ids[1:]:
            ids.append(asked.job_id)
            return "lost"
        return ""

    bigquery.rule = rule
    real = place.bq.__class__.get_job

    def get_job(self: Any, job_id: str, **more: Any) -> Any:
        return real(self, "no-such-job" if job_id in ids else job_id, **more)

    with mock.patch.object(place.bq.__class__, "get_job", get_job):
        place.load(*RANGE, "--datasets", "market_index").ok()
    assert place.check("market_index", "2024-03-31")


# -------------------------------------------------------------------------------------------------------- quotas and aborts
def test_a_quota_that_is_used_up_is_named_and_not_asked_again_and_again(place: Place, bigquery: CloudProxy) -> None:
    place.download(*WHAT).ok()
    bigquery.rule = lambda asked: "quotaExceeded" if asked.kind == "insert" else ""
    began = time.monotonic()
    ran = place.load(*WHAT)
    assert ran.code == 1
    assert time.monotonic() - began < 20
    assert len(bigquery.inserts()) == len(KEYS)
    told = [line for line in ran.err.splitlines() if " ERROR " in line]
    assert len(told) == len(KEYS)
    assert all("a BigQuery quota is used up: Quota exceeded: Your table exceeded quota" in line for line in told), told
    bigquery.rule = lambda _asked: ""
    place.load(*WHAT).ok()


def test_transactions_that_another_one_aborted_are_tried_again(place: Place, bigquery: CloudProxy) -> None:
    place.download(*RANGE, "--datasets", "market_index").ok()
    aborts = iter(["aborted"] * 3)
    bigquery.rule = lambda asked: next(aborts, "") if asked.job_id.startswith("publish_") else ""
    place.load(*RANGE, "--datasets", "market_index").ok()
    assert next(aborts, None) is None
    assert place.jobs("load") == 1, "what was staged is not staged again"
    assert place.check("market_index", "2024-03-31")


def test_a_service_that_never_recovers_ends_in_one_line_for_each_dataset(place: Place, storage: CloudProxy) -> None:
    storage.rule = lambda asked: "503" if asked.kind == "upload" else ""
    with mock.patch.object(day_objects, "RETRY", day_objects.RETRY.with_timeout(2.0)):
        ran = place.download(*WHAT, "--max-workers", "2")
    assert ran.code == 1
    # A day is tried for two seconds here: four of them, not each day three times over.
    assert all(float(ran.cell(key, "SECONDS")) < 12 for key in KEYS), ran.out
    told = Counter(line.split(" ERROR ")[1].split(":")[0].strip() for line in ran.err.splitlines() if " ERROR " in line)
    assert told == dict.fromkeys(KEYS, 1), ran.err
    storage.rule = lambda _asked: ""
    place.collect(*WHAT)
    assert place.check("market_index", "2024-03-31")


def test_every_request_has_an_end(place: Place) -> None:
    """BigQuery's client sets no time-out of its own."""
    settings = mock.Mock(project=PROJECT, emulator=lambda _service: "http://127.0.0.1:1")
    for make in (storage_client, bigquery_client):
        adapter = make(settings)._http.get_adapter("https://bigquery.googleapis.com/")
        with mock.patch("requests.adapters.HTTPAdapter.send") as send:
            adapter.send(mock.Mock(), timeout=None)
        assert send.call_args.kwargs["timeout"] == CLOUD_TIMEOUT


def test_a_full_backfill_stays_far_below_the_quotas() -> None:
    """Batches of ten years at full size: well under 1,500 load jobs and modifications a table a day, 10,000 URIs a job."""
    from datetime import date, timedelta

    import enhanced_bigquery_loader as loader
    from collector.storage.day_objects import DayObject

    for dataset in datasets_config.REGISTRY.values():
        days = [
            DayObject(date(2016, 1, 1) + timedelta(n), "", 1, 1, 1, dataset.rows_per_day, "", None, True, frozenset())
            for n in range(3_653)
        ]
        cut = loader.batches(days, dataset)
        assert len(cut) <= 750, f"{dataset.key}: {len(cut)} load jobs"
        assert max(map(len, cut)) <= 10_000


def test_a_bucket_that_may_be_used_but_not_looked_at(place: Place, storage: CloudProxy) -> None:
    """roles/storage.objectAdmin has no storage.buckets.get."""

    def rule(asked: Asked) -> str:
        return "forbidden" if re.fullmatch(r"/storage/v1/b/[^/]+", asked.path.partition("?")[0]) else ""

    storage.rule = rule
    place.collect(*RANGE, "--datasets", "market_index")
    assert storage.injected() == {"forbidden": 2}
    storage.rule = lambda asked: "forbidden"
    ran = place.download(*RANGE, "--datasets", "market_index")
    assert ran.code == 2
    assert "no permission to use bucket" in ran.err


def test_a_damaged_object_is_named_with_what_mends_it(place: Place) -> None:
    which = ("--datasets", "market_index", "--start-date", FIRST, "--end-date", LAST)
    place.download(*which).ok()
    blob = place.blob("market_index", FIRST)
    metadata, data = blob.metadata, blob.download_as_bytes(raw_download=True)
    blob.metadata = metadata
    blob.upload_from_string(gzip.compress(b"\n".join(gzip.decompress(data).splitlines()[:50]) + b"\n"), content_type="application/gzip")
    ran = place.load(*which)
    assert (ran.code, ran.cell("market_index", "LOADED")) == (1, "3")
    assert "it has fewer records than were stored (50 of 96), so it is damaged" in ran.out
    (command,) = re.findall(rf"fetch the day again: {DOWNLOADER} (.*)", ran.out)
    place.download(*command.split()).ok()
    place.load(*which).ok()
    assert place.verification(*which)[0] == 0
