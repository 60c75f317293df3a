"""The bucket: a client of Cloud Storage, and whether the bucket is there and ours to use."""

from __future__ import annotations

from typing import Any

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage  # type: ignore[attr-defined]
from google.cloud.storage.retry import DEFAULT_RETRY

from collector.base.clock import Clock
from collector.base.errors import UsageError
from collector.cloud import refusals
from collector.cloud.clients import at_start, unusable, widen_pool, with_credentials
from collector.settings import Settings


def storage_client(settings: Settings, connections: int = 16, clock: Clock | None = None) -> storage.Client:
    """A Cloud Storage client, of the emulator when STORAGE_EMULATOR_HOST is set.

    clock: is told what time the service has. Raises UsageError when there are no credentials that can be used.
    """

    client = with_credentials(
        lambda known: storage.Client(project=settings.project, credentials=known), settings, "STORAGE"
    )
    widen_pool(client, connections)
    if clock:
        client._http.hooks["response"].append(
            lambda answer, *_, **__: clock.note("Cloud Storage", answer.headers.get("Date"))
        )
    return client


def find_bucket(client: storage.Client, settings: Settings, permissions: list[str]) -> storage.Bucket:
    """The bucket. Raises UsageError, with the command that makes it, when it is not there or not ours to use: when one
    of `permissions` (on it and its objects) is missing."""

    patience: dict[str, Any] = {"timeout": 10, "retry": at_start(DEFAULT_RETRY, settings.emulator("STORAGE"))}
    try:
        try:
            bucket = client.get_bucket(settings.bucket, **patience)
        except exceptions.Forbidden:
            # The role that works with the objects does not show the bucket itself; then its location stays unknown.
            bucket = client.bucket(settings.bucket)
        try:
            missing = refusals.missing_on_bucket(bucket, permissions, **patience)
        except exceptions.NotFound:
            # The emulator has no permissions.
            if not settings.emulator("STORAGE"):
                raise
            missing = []
    except exceptions.NotFound:
        raise UsageError(
            f"bucket {settings.bucket} does not exist; run: gcloud storage buckets create gs://{settings.bucket} "
            f"--project={settings.project} --location={settings.location}"
        ) from None
    except (exceptions.GoogleAPIError, GoogleAuthError, OSError) as error:
        raise unusable(error, "Cloud Storage", f"bucket {settings.bucket}", settings) from None
    if missing:
        raise UsageError(f"no permission to use bucket {settings.bucket}: {refusals.lacking(missing)}")
    return bucket
