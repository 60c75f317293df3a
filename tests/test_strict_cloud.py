"""A Google Cloud as strict as the real one: what it refuses ends in few requests, one message with the mend, no loss."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from cloud_proxy import Asked, CloudProxy
from conftest import LOADER, PROJECT, ROOT, Place, days
from google.auth.exceptions import RefreshError
from google.cloud import bigquery as bq
from google.oauth2.credentials import Credentials
from google_rules import checked_proxy, problems, wanted

from collector.base.errors import UsageError
from collector.cloud import refusals
from collector.cloud.dataset import check_locations
from collector.storage import day_objects
from collector.warehouse import tables
from collector.warehouse.layout import LEDGER
from datasets_config import REGISTRY
from local_cloud import LocalCloud

FIRST, LAST = "2024-03-25", "2024-05-03"
SIXTEEN = ("--start-date", FIRST, "--end-date", "2024-04-09")
FORTY = ("--start-date", FIRST, "--end-date", LAST)
SHORT = ("--start-date", "2024-03-30", "--end-date", "2024-04-02")
DAY_AND_NEXT = ("--start-date", "2024-03-31", "--end-date", "2024-04-01")
MARKET = ("--datasets", "market_index")
LOGIN = "gcloud auth application-default login"


@pytest.fixture
def storage(place: Place) -> Iterator[CloudProxy]:
    """A proxy before the storage emulator; every request that goes through it is checked against Google's documents."""
    yield from checked_proxy(place, "STORAGE")


@pytest.fixture
def bigquery(place: Place) -> Iterator[CloudProxy]:
    """The same before the BigQuery emulator."""
    yield from checked_proxy(place, "BIGQUERY")


@pytest.fixture(autouse=True)
def _impatient() -> Iterator[None]:
    with (
        mock.patch.object(day_objects, "RETRY", day_objects.RETRY.with_delay(0.05, 0.5).with_timeout(20.0)),
        mock.patch.object(tables, "RETRY", tables.RETRY.with_delay(0.05, 0.5).with_timeout(20.0)),
    ):
        yield


def errors(err: str) -> list[str]:
    return [line.partition(" ERROR ")[2].strip() for line in err.splitlines() if " ERROR " in line]


def on(kind: str, fault: str) -> Callable[[Asked], str]:
    return lambda asked: fault if asked.kind == kind else ""


def jobs_asked(proxy: CloudProxy, kind: str = "load_") -> int:
    return sum(job.startswith(kind) for job in proxy.inserts())


# ------------------------------------------------------------------------------------------ jobs that are refused
@pytest.mark.parametrize(
    ("fault", "says", "mend"),
    [
        ("job_accessDenied", "Access Denied: File gs://", "ask for roles/storage.objectUser on the bucket"),
        ("job_notFound", "Not found: URI gs://", ""),
        ("billingNotEnabled", "not allowed in the free tier", "gcloud billing projects link"),
        *(pytest.param(*case, marks=pytest.mark.long) for case in (
            ("job_kms", "Cloud KMS", "roles/cloudkms.cryptoKeyEncrypterDecrypter"),
            ("job_billingNotEnabled", "not allowed in the free tier", "gcloud billing projects link"),
            ("job_billingTierLimitExceeded", "limits for tier 1", "billing tier"),
            ("job_blocked", "denylisted", "ask the project's owner"),
            ("job_locations", "different locations", "must be in one location"),
            ("accessNotConfigured", "has not been used", "gcloud services enable"),
            ("scopes", "insufficient authentication scopes", "--scopes=cloud-platform"),
            ("vpc", "organization's policy", "service perimeter"),
        )),
    ],
)  # fmt: skip
def test_a_load_job_that_is_refused_is_no_fault_of_the_data(fault: str, says: str, mend: str, place: Place, bigquery: CloudProxy) -> None:
    place.download(*SIXTEEN, *MARKET).ok()
    before = place.state()
    bigquery.rule = on("insert", fault)
    ran = place.load(*SIXTEEN, *MARKET)
    assert ran.code == 1
    assert jobs_asked(bigquery) <= 4
    (told,) = errors(ran.err)
    assert says in told
    assert mend in told
    assert ran.out.count("FAILED market_index") == 1
    assert "cannot be loaded" not in told, "the day is not blamed"
    assert place.state() == before
    bigquery.rule = lambda _asked: ""
    place.load(*SIXTEEN, *MARKET).ok()
    assert place.check("market_index", "2024-03-31")


@pytest.mark.parametrize("fault", ["job_invalid", "job_resourcesExceeded"])
def test_what_is_the_datas_fault_is_narrowed_down(fault: str, place: Place, bigquery: CloudProxy) -> None:
    place.download(*SHORT, *MARKET).ok()
    bigquery.rule = lambda asked: fault if b"market_index_2024-03-31" in asked.body and asked.kind == "insert" else ""
    ran = place.load(*SHORT, *MARKET)
    assert (ran.code, ran.cell("market_index", "LOADED"), ran.cell("market_index", "FAILED")) == (1, "3", "1")
    assert jobs_asked(bigquery) == 5
    assert "market_index_2024-03-31.ndjson.gz cannot be loaded" in ran.out


def test_a_check_that_is_too_much_at_once_is_done_in_halves(place: Place, bigquery: CloudProxy) -> None:
    place.download(*SHORT, *MARKET).ok()
    # A repetition, so that the lines are checked before they are published.
    place.api.change("MID", "2024-04-01", "duplicate")
    place.download("--force", *SHORT, *MARKET).ok()
    checks = iter(["resourcesExceeded"])
    bigquery.rule = lambda asked: next(checks, "") if asked.kind == "query" and b"key_count" in asked.body else ""
    place.load(*SHORT, *MARKET).ok()
    assert jobs_asked(bigquery) == 3
    assert place.check("market_index", "2024-04-01")


def test_an_object_that_was_deleted_meanwhile_is_left_out(place: Place, bigquery: CloudProxy) -> None:
    place.download(*SHORT, *MARKET).ok()

    def rule(asked: Asked) -> str:
        if asked.kind == "insert" and b"market_index_2024-03-31" in asked.body:
            place.bucket.delete_blob(day_objects.object_name("market_index", days("2024-03-31")[0]))
            return "job_notFound"
        return ""

    bigquery.rule = rule
    ran = place.load(*SHORT, *MARKET).ok()
    assert ran.cell("market_index", "LOADED") == "3"
    assert jobs_asked(bigquery) == 2


@pytest.mark.parametrize("kind", ["load_", "publish_"])
def test_another_accounts_job_stands_in_nobodys_way(kind: str, place: Place, bigquery: CloudProxy) -> None:
    """409 for the id, then 403 for a look at it: only who started a job may look."""
    place.download(*SHORT, *MARKET).ok()
    bigquery.rule = lambda asked: "foreign" if asked.job_id.startswith(kind) and asked.job_id.endswith("_0") else ""
    place.load(*SHORT, *MARKET).ok()
    assert len(bigquery.foreign) == 1
    assert jobs_asked(bigquery, kind) == 2
    for day in ("2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"):
        assert place.check("market_index", day)


def test_sql_that_the_service_refuses_is_refused_here(place: Place, bigquery: CloudProxy) -> None:
    bigquery.refuses_safe_json = True
    client = bq.Client(PROJECT, Credentials(place.services["LOCAL_CLOUD_TOKEN"]), client_options={"api_endpoint": bigquery.url})
    with pytest.raises(Exception, match="SAFE with function json_value is not supported"):
        client.query_and_wait("""SELECT SAFE.JSON_VALUE('{"a": 1}', '$.a')""")
    assert next(iter(client.query_and_wait("""SELECT JSON_VALUE('{"a": 1}', '$.a') AS a"""))).a == "1"


# ---------------------------------------------------------------------------------------- uploads that are refused
@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        ("401", LOGIN), ("scopes", "--scopes=cloud-platform"), ("vpc", "service perimeter"), ("accountDisabled", "gcloud billing projects link"),
        ("requesterPays", "--no-requester-pays"), ("kms", "roles/cloudkms.cryptoKeyEncrypterDecrypter"),
    ],
)  # fmt: skip
def test_a_refused_upload_stops_the_downloads(fault: str, mend: str, place: Place, storage: CloudProxy) -> None:
    storage.rule = on("upload", fault)
    ran = place.download(*FORTY, *MARKET)
    assert ran.code == 1
    assert len(place.requests()) <= 8
    (told,) = errors(ran.err)
    assert mend in told
    assert not re.search("HTTPStatus|uploadType", told), "in words, not as the library says it"
    storage.rule = lambda _asked: ""
    place.download(*FORTY, *MARKET).ok()


@pytest.mark.parametrize("program", ["download", "load"])
def test_credentials_that_end_during_a_run(program: str, place: Place, storage: CloudProxy, bigquery: CloudProxy) -> None:
    if program == "load":
        place.download(*FORTY, *MARKET).ok()
    asked_before = len(place.requests())

    as_ever = Credentials.before_request

    def sign(self: Any, request: Any, method: str, url: str, headers: Any) -> None:
        if method == "POST" and "testIam" not in url:
            raise RefreshError("Reauthentication is needed. Please run `gcloud auth application-default login` to reauthenticate.")
        as_ever(self, request, method, url, headers)

    with mock.patch.object(Credentials, "before_request", sign):
        ran = getattr(place, program)(*FORTY, *MARKET)
    assert ran.code == 1
    (told,) = errors(ran.err)
    assert "the credentials were refused (Reauthentication is needed" in told
    assert told.endswith(f"run: {LOGIN}")
    assert len(place.requests()) - asked_before <= 8
    place.collect(*FORTY, *MARKET)


@pytest.mark.parametrize("fault", ["retention", "hold"])
def test_days_that_may_not_be_replaced_stay_and_the_others_are_stored(fault: str, place: Place, storage: CloudProxy) -> None:
    place.download(*SHORT, *MARKET).ok()
    before = {name: blob.md5_hash for name, blob in place.objects().items()}
    for day in ("2024-03-30", "2024-03-31", "2024-04-01"):
        place.api.change("MID", day, "revision")
    storage.rule = lambda asked: fault if asked.kind == "upload" and "ifGenerationMatch=0" not in asked.path else ""
    asked_before = len(place.requests())
    ran = place.download("--start-date", "2024-03-30", "--end-date", "2024-04-04", *MARKET, "--force")
    assert (ran.code, ran.cell("market_index", "FAILED"), ran.cell("market_index", "NEW")) == (1, "3", "2")
    assert len(place.requests()) - asked_before == 1, "asking again would not help"
    (told,) = errors(ran.err)
    assert "a retention policy or a hold keeps the stored day from being replaced; it stays as it was, its copy is in superseded/" in told
    assert {name: place.objects()[name].md5_hash for name in before} == before
    assert len(place.objects("superseded/")) == 3
    storage.rule = lambda _asked: ""
    place.collect(*SHORT, *MARKET, "--force")
    assert place.check("market_index", "2024-03-31")


def test_a_second_write_within_a_second_is_waited_for(place: Place, storage: CloudProxy) -> None:
    storage.once_a_second = True
    place.download(*SHORT, *MARKET).ok()
    place.download(*SHORT, *MARKET, "--force").ok()
    assert storage.injected()["429"]
    place.load(*SHORT, *MARKET).ok()
    assert place.check("market_index", "2024-03-31")


@pytest.fixture
def _resumable() -> Iterator[None]:
    """As with the days of B1610: uploads of more than one request."""
    with mock.patch("google.cloud.storage.blob._MAX_MULTIPART_SIZE", 1):
        yield


@pytest.mark.usefixtures("_resumable")
def test_the_cut_answer_of_a_resumable_upload(place: Place, storage: CloudProxy) -> None:
    storage.strict = True
    storage.rule = lambda asked: "cut" if asked.method == "PUT" and asked.number == 1 else ""
    place.download(*SHORT, *MARKET).ok()
    assert storage.injected()["cut"] >= 1
    assert len(place.requests()) == 1, "what was asked for is not asked for again"
    place.load(*SHORT, *MARKET).ok()
    assert place.check("market_index", "2024-03-31")
    assert not place.objects("superseded/")


@pytest.mark.usefixtures("_resumable")
def test_a_resumable_upload_replaces_only_what_it_means_to(place: Place, storage: CloudProxy) -> None:
    """Somebody stores the day between the first and the last request of the upload."""
    storage.strict = True
    name = day_objects.object_name("market_index", days("2024-03-31")[0])
    foreign: list[str] = []

    def before(asked: Asked) -> None:
        if asked.method == "PUT" and not foreign:
            foreign.append("x")
            place.bucket.blob(name).upload_from_string(b"somebody else's")

    storage.before = before
    place.download("--start-date", "2024-03-31", "--end-date", "2024-03-31", *MARKET).ok()
    assert [blob.download_as_bytes() for blob in place.objects("superseded/").values()] == [b"somebody else's"]
    assert sorted(place.lines("market_index", "2024-03-31")) == sorted(place.api.expected("MID", "2024-03-31"))


# -------------------------------------------------------------------------------------------------- before the start
@pytest.mark.parametrize(
    ("setting", "flag"),
    [("defaultPartitionExpirationMs", "default_partition_expiration"), ("defaultTableExpirationMs", "default_table_expiration")],
)  # fmt: skip
def test_a_dataset_whose_tables_would_not_last_is_refused(setting: str, flag: str, place: Place, cloud: LocalCloud) -> None:
    url = f"{place.services['BIGQUERY_EMULATOR_HOST']}/bigquery/v2/projects/{PROJECT}/datasets/{place.dataset_id}"
    status, text = cloud.request("PATCH", url, {setting: "5184000000"})
    assert status == 200, text
    for arguments in (("--check-setup",), (), ("--update-schema",), ("--verify",)):
        ran = place.load(*arguments, *MARKET)
        assert ran.code == 2
        assert f"has a {flag} (60 days)" in ran.err
        assert f"run: bq update --{flag} 0 {PROJECT}:{place.dataset_id}" in ran.err
    assert list(place.bq.list_tables(place.dataset_id)) == []


def test_a_table_whose_partitions_expire_is_not_loaded(place: Place) -> None:
    place.collect(*SHORT, *MARKET)
    table = place.bq.get_table(place.table_id("market_index"))
    table.time_partitioning.expiration_ms = 86_400_000 * 10_000
    with mock.patch.object(bq.Client, "get_table", lambda *_args, **_more: table):
        ran = place.load(*SHORT, *MARKET, "--force")
    assert ran.code == 1
    assert "its partitions expire after 10000 days; run: bq update --time_partitioning_expiration 0 " in ran.out


def test_a_ledger_that_expires_is_not_written_to(place: Place) -> None:
    place.collect(*SHORT, *MARKET)
    ledger = f"{PROJECT}.{place.dataset_id}.{LEDGER}"
    real, table = bq.Client.get_table, place.bq.get_table(ledger)
    table.expires = datetime(2100, 1, 1, tzinfo=timezone.utc)
    with mock.patch.object(bq.Client, "get_table", lambda self, wanted, **more: table if str(wanted) == ledger else real(self, wanted, **more)):
        ran = place.load(*SHORT, *MARKET, "--force")
    assert ran.code == 1
    assert f"the table expires on 2100-01-01; run: bq update --expiration 0 {PROJECT}:{place.dataset_id}." in ran.out


@pytest.mark.parametrize(
    ("command", "permission"),
    [("--dry-run", "bigquery.tables.getData"), ("--dry-run", "bigquery.tables.get"), ("--validate-schema", "bigquery.tables.get"), ("--update-schema", "bigquery.tables.create")],
)  # fmt: skip
def test_commands_without_a_summary_say_it_in_one_line_too(command: str, permission: str, place: Place, bigquery: CloudProxy) -> None:
    if command != "--update-schema":
        place.load("--update-schema", *MARKET).ok()
    bigquery.denied = {permission}
    ran = place.run(LOADER, command, *SHORT, *MARKET)
    told = [line for line in ran.err.splitlines() if " INFO " not in line]
    assert (ran.code, ran.out, len(told)) == (1, "", 1), ran.err
    assert permission in ran.err
    assert "ask for roles/bigquery.dataEditor on the dataset" in ran.err


@pytest.mark.parametrize("fault", ["billingNotEnabled", "accessNotConfigured", "scopes"])
def test_the_setup_check_tells_what_bigquery_would_refuse(fault: str, place: Place, bigquery: CloudProxy) -> None:
    assert place.load(*SHORT, *MARKET).code == 1, "nothing is stored yet, but the tables are made"
    bigquery.rule = on("insert", fault)
    ran = place.load("--check-setup")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert re.search("gcloud (billing|services|compute)", ran.err)


@pytest.mark.parametrize("fault", ["requesterPays", "accountDisabled", "401", "vpc"])
def test_the_start_tells_what_storage_would_refuse(fault: str, place: Place, storage: CloudProxy) -> None:
    storage.rule = lambda _asked: fault
    for ran in (place.download(*SHORT, *MARKET), place.load("--check-setup")):
        assert ran.code == 2
        assert ran.err.count("\n") == 1
        assert re.search("--no-requester-pays|gcloud billing|gcloud auth application-default|perimeter", ran.err), ran.err
    assert not place.requests()


PERMISSIONS = sorted(set().union(*(role.permissions for role in refusals.ROLES)))


# Of the one for exports see test_export.py.
@pytest.mark.parametrize(
    "permission",
    [
        name if name in ("storage.objects.create", "bigquery.tables.updateData") else pytest.param(name, marks=pytest.mark.long)
        for name in sorted({*PERMISSIONS} - {"bigquery.tables.export"})
    ],
)  # fmt: skip
def test_each_missing_permission_is_named_with_its_role(permission: str, place: Place, storage: CloudProxy, bigquery: CloudProxy) -> None:
    """Before anything is started where it can be known; and in a run that it befalls, once, and nothing is lost."""
    role = refusals.role_for(permission)
    proxy = storage if permission.startswith("storage.") else bigquery
    place.collect(*DAY_AND_NEXT, *MARKET)
    place.api.change("MID", "2024-03-31", "revision")
    storage.denied = bigquery.denied = {permission}
    ran = place.load("--check-setup")
    if permission == "storage.buckets.get":
        assert ran.code == 0, "the location alone cannot be told then"
    else:
        assert ran.code == 2
        assert permission in ran.err
        assert role in ran.err
    with mock.patch.object(refusals, "missing_on_bucket", lambda *_args, **_more: []):
        loaded, downloaded = place.load(*DAY_AND_NEXT, *MARKET, "--force"), place.download(*DAY_AND_NEXT, *MARKET, "--force")
    for ran in (loaded, downloaded):
        assert ran.code in (0, 1, 2)
        if ran.code:
            assert role in ran.err, ran.err
            assert len(errors(ran.err)) <= 1
    assert max(loaded.code, downloaded.code) or permission in ("bigquery.tables.create", "bigquery.tables.delete", "bigquery.tables.update", "storage.buckets.get")
    assert len(proxy.asked) < 100
    storage.denied = bigquery.denied = set()
    place.collect(*DAY_AND_NEXT, *MARKET, "--force")
    assert place.check("market_index", "2024-03-31")


# ------------------------------------------------------------------------------ what is sent, and what it asks for
def chain(place: Place) -> None:
    """Every command that sends something, with new, changed and empty days, and a table to be mended."""
    what = (*SHORT, "--datasets", "market_index", "system_warnings", "generation_outturn")
    place.load("--check-setup").ok()
    place.load("--dry-run", *what).ok()
    place.load("--update-schema", "--datasets", "generation_outturn").ok()
    place.collect(*what)
    place.api.change("MID", "2024-03-31", "revision")
    place.collect(*what, "--force")
    table = place.bq.get_table(place.table_id("market_index"))
    table.schema = [bq.SchemaField.from_api_repr({**f.to_api_repr(), "description": "x"}) if f.name == "price" else f for f in table.schema]
    place.bq.update_table(table, ["schema"])
    assert place.load("--validate-schema", *what).code == 1
    place.load("--update-schema", *what).ok()
    assert place.load("--validate-schema", *what).code == 0
    assert place.load("--verify", "--without-source", *what).code == 0
    place.load("--check-setup").ok()
    hours = ("--datasets", "individual_generation", *DAY_AND_NEXT)
    place.collect(*hours)
    place.load("--export-parquet", *hours).ok()


def test_what_the_whole_chain_sends(place: Place, storage: CloudProxy, bigquery: CloudProxy) -> None:
    bigquery.refuses_safe_json = True
    chain(place)
    chained = storage.asked + bigquery.asked
    assert len(chained) > 100
    assert not problems(chained), "a request that Google's documents do not know"
    jobs_are_labelled_and_bounded(chained)
    ran = [job for job in place.bq.list_jobs() if job.labels.get("step") == "publish"]
    assert ran, "the emulator keeps them"
    assert set().union(*(wanted(asked) for asked in chained)) == set(PERMISSIONS)


def jobs_are_labelled_and_bounded(chained: list[Asked]) -> None:
    steps: Counter[str] = Counter()
    for asked in chained:
        if asked.kind not in ("insert", "query"):
            continue
        sent = json.loads(asked.body)
        labels = sent.get("labels") or sent.get("configuration", {}).get("labels")
        assert labels, sent
        assert labels["app"] == "gb_electricity"
        steps[labels["step"]] += 1
        assert all(re.fullmatch("[a-z][a-z0-9_-]{0,62}", part) for pair in labels.items() for part in pair)
        if labels["step"] == "setup":
            continue
        assert labels["dataset"] in REGISTRY
        configuration = sent.get("configuration", sent)
        assert 60_000 <= int(configuration["jobTimeoutMs"]) <= 6 * 3_600_000
        if not {"load", "extract"} & configuration.keys():
            query = configuration["query"] if "configuration" in sent else sent
            assert int(query["maximumBytesBilled"]) >= 10**9
    assert set(steps) >= {"setup", "ledger", "load", "publish", "content", "export"}


def test_the_checker_sees_what_is_wrong() -> None:
    def asked(path: str, body: object, method: str = "POST", kind: str = "insert") -> Asked:
        return Asked(kind, method, path, json.dumps(body).encode(), 1, 0.0)

    jobs = "/bigquery/v2/projects/p/jobs"
    assert problems([asked(f"{jobs}?prettyPrint=false", {"configuration": {"query": {"query": "SELECT 1", "useLegacySql": False}}})]) == []
    assert problems([asked(f"{jobs}?pretty=false", {})]) == ["bigquery.jobs.insert: unknown query parameter pretty"]
    assert problems([asked(jobs, {"configuration": {"labels": {"a": 1}, "jobTimeoutMs": "soon", "dryrun": True, "load": {"sourceUris": "gs://b/o"}}})]) == [
        "bigquery.jobs.insert.configuration.labels.a: 1 is no text",
        "bigquery.jobs.insert.configuration.jobTimeoutMs: 'soon' is no whole number",
        "bigquery.jobs.insert.configuration: unknown field dryrun",
        "bigquery.jobs.insert.configuration.load.sourceUris: 'gs://b/o' is no list",
    ]
    assert problems([asked("/storage/v1/b/b/o?maxResults=all", None, "GET", "list")]) == ["storage.objects.list: query parameter maxResults='all' is not a number"]
    assert problems([asked("/storage/v1/b/b/things", None, "GET", "list")]) == ["no method for GET /storage/v1/b/b/things"]


def test_the_roles_of_the_readme_are_those_that_the_requests_want() -> None:
    table = {}
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\| `(roles/\S+)` \| ([^|]+) \| ([^|]+) \|", line):
            table[found[1]] = (found[2].strip(), frozenset(re.findall(r"`([a-z.A-Z]+)`", found[3])))
    assert table == {role.name: (role.where, role.permissions) for role in refusals.ROLES}


# ------------------------------------------------------------------------------------------------------------- more
def test_what_a_live_column_has_besides_is_sent_back_as_it_is(place: Place, bigquery: CloudProxy) -> None:
    place.load("--update-schema", *MARKET).ok()
    table = place.bq.get_table(place.table_id("market_index"))
    kept = {"policyTags": {"names": ["projects/p/locations/l/taxonomies/1/policyTags/2"]}, "maxLength": "20", "defaultValueExpression": "'x'"}
    for field in table._properties["schema"]["fields"]:
        field["description"] = "old"
        if field["name"] == "data_provider":
            field.update(kept)
    with mock.patch.object(bq.Client, "get_table", lambda *_args, **_more: bq.Table.from_api_repr(table.to_api_repr())):
        ran = place.load("--update-schema", *MARKET)
    assert "description" in ran.out, ran
    (sent,) = (json.loads(asked.body) for asked in bigquery.asked if asked.method == "PATCH")
    (field,) = (field for field in sent["schema"]["fields"] if field["name"] == "data_provider")
    assert {name: field[name] for name in kept} == kept
    assert field["description"] != "old"


@pytest.mark.parametrize(
    ("bucket", "pair", "dataset", "together"),
    [
        ("ASIA", (), "US", True), ("EUROPE-WEST2", (), "US", True), ("EUR4", (), "europe-west4", True), ("EUR4", (), "europe-west2", False),
        ("EU", ("EUROPE-WEST1", "EUROPE-WEST4"), "europe-west4", True), ("EU", ("EUROPE-WEST1", "EUROPE-WEST4"), "europe-west3", False),
        ("EU", ("EUROPE-WEST1", "EUROPE-WEST4"), "EU", True), ("US", (), "us-east4", False), ("EUR5", (), "europe-west2", True),
    ],
)  # fmt: skip
def test_where_bigquery_loads_from(bucket: str, pair: tuple[str, ...], dataset: str, together: bool) -> None:
    settings: Any = SimpleNamespace(emulator=lambda _service: "", bucket="b", dataset_id="d", project="p")
    places: Any = SimpleNamespace(location=bucket, data_locations=list(pair)), SimpleNamespace(location=dataset)
    if together:
        check_locations(*places, settings)
    else:
        with pytest.raises(UsageError, match="make one of them anew"):
            check_locations(*places, settings)


def test_the_loader_may_only_read_the_bucket(place: Place, storage: CloudProxy) -> None:
    """Where another account downloads, the loader's need not write."""
    place.download(*SHORT, *MARKET).ok()
    storage.denied = {"storage.objects.create", "storage.objects.delete", "storage.objects.update"}
    place.load(*SHORT, *MARKET).ok()
    assert place.run(LOADER, "--dry-run", *SHORT, *MARKET).code == 0
