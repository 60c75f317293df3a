"""The BigQuery dataset: a client, and whether the dataset is there, ours to use, and beside the bucket."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.cloud.bigquery.retry import DEFAULT_RETRY

from collector.base.errors import UsageError
from collector.base.process import log
from collector.cloud import refusals
from collector.cloud.clients import at_start, unusable, widen_pool, with_credentials
from collector.settings import Settings

if TYPE_CHECKING:
    from google.cloud import storage  # type: ignore[attr-defined]


def bigquery_client(settings: Settings, connections: int = 16) -> bigquery.Client:
    """A BigQuery client, of the emulator when BIGQUERY_EMULATOR_HOST is set. Raises UsageError as above."""

    client = with_credentials(
        lambda known: bigquery.Client(project=settings.project, credentials=known), settings, "BIGQUERY"
    )
    widen_pool(client, connections)
    return client


def find_dataset(client: bigquery.Client, settings: Settings) -> bigquery.Dataset:
    """The BigQuery dataset. Raises UsageError, with the command that makes it, when it is not there, and when tables in
    it would not last."""

    name = f"{settings.project}.{settings.dataset_id}"
    try:
        dataset = client.get_dataset(name, timeout=10, retry=at_start(DEFAULT_RETRY, settings.emulator("BIGQUERY")))
    except exceptions.NotFound:
        raise UsageError(
            f"BigQuery dataset {name} does not exist; run: bq --location={settings.location} mk --dataset "
            f"{settings.project}:{settings.dataset_id}"
        ) from None
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise unusable(error, "BigQuery", f"dataset {name}", settings) from None
    if wrong := refusals.expiring(dataset):
        raise UsageError(f"dataset {name} {wrong}")
    return dataset


def check_warehouse(client: bigquery.Client, dataset: bigquery.Dataset, ledger: str, settings: Settings) -> None:
    """Raises UsageError when jobs, tables, DML or the ledger of that name are not allowed. Free, and nothing is changed."""

    try:
        missing = _probe(client, dataset, ledger)
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise unusable(error, "BigQuery", f"dataset {settings.project}.{settings.dataset_id}", settings) from None
    if missing:
        raise UsageError(
            f"no permission to use dataset {settings.project}.{settings.dataset_id}: {refusals.lacking(missing)}"
        )


# The regions that a multi-region or a dual-region takes in; London and Zurich are not in the EU.
_REGIONS = {
    "EU": r"EUR4|EUROPE-(?!(WEST2|WEST6)$).*", "EUR4": "EUROPE-(NORTH1|WEST4)", "EUR5": "EUROPE-WEST[12]", "EUR7": "EUROPE-WEST[23]",
    "EUR8": "EUROPE-WEST[36]", "NAM4": "US-(CENTRAL1|EAST1)", "ASIA1": "ASIA-NORTHEAST[12]",
}  # fmt: skip


def check_locations(bucket: storage.Bucket, dataset: bigquery.Dataset, settings: Settings) -> None:
    """Raises UsageError when BigQuery could not load from the bucket: a dataset in the US takes from anywhere, one in a
    multi-region from what lies in it, one in a region from it and from a pair of regions that it is one of."""
    where, there = (str(place or "").upper() for place in (bucket.location, dataset.location))
    # Of a pair that was put together for the bucket, the location is the continent.
    pair = [str(region).upper() for region in getattr(bucket, "data_locations", None) or ()]
    same = (
        there in ("US", where, *pair)
        or any(re.fullmatch(_REGIONS.get(there, ""), region) for region in (where, *pair))
        or (there != "EU" and where != "EU" and re.fullmatch(_REGIONS.get(where, ""), there))
    )
    if not where and not settings.emulator("STORAGE"):
        log.warning(
            "bucket %s may not be looked at, so its location is not known, and load jobs may be refused; ask for %s",
            settings.bucket, refusals.role_for("storage.buckets.get"),
        )  # fmt: skip
    # The emulators do not keep locations.
    if where and there and not same and not settings.emulator("BIGQUERY"):
        raise UsageError(
            f"bucket {settings.bucket} is in {where} but dataset {settings.dataset_id} is in {there}; "
            f"make one of them anew: bq --location={where} mk --dataset {settings.project}:NEW_NAME"
        )


def _probe(client: bigquery.Client, dataset: bigquery.Dataset, ledger: str) -> list[str]:
    """Ask BigQuery, for nothing and changing nothing, to make a table and to add to the ledger, where it exists; returns
    the permissions that are missing on it.

    Raises google.api_core exceptions where one of them is refused: a dry run wants the same permissions, and billing
    for DML, as the real one.
    """

    prefix = f"{dataset.project}.{dataset.dataset_id}"
    config = bigquery.QueryJobConfig(dry_run=True, use_query_cache=False, labels=refusals.labels("setup"))

    def dry_run(sql: str) -> None:
        client.query(sql, job_config=config, location=dataset.location, job_retry=None)

    dry_run(f"CREATE TABLE `{prefix}.collector_staging_setup` (line STRING)")
    try:
        missing = client.test_iam_permissions(f"{prefix}.{ledger}", refusals.TABLES).get("permissions", [])
        dry_run(f"INSERT INTO `{prefix}.{ledger}` SELECT * FROM `{prefix}.{ledger}` WHERE FALSE")
    except exceptions.NotFound:
        return []
    return [name for name in refusals.TABLES if name not in missing]
