"""What Google Cloud refuses, why, and what mends it; what an account needs, checked before anything is started.

The roles are the narrowest predefined ones that hold the permissions which the programs use; README's table shows the
same, and a test compares both with the requests that the programs send.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError, TransportError

from collector.base.errors import plain
from collector.base.text import printable

if TYPE_CHECKING:
    from google.cloud import bigquery, storage  # type: ignore[attr-defined]
LOGIN = "gcloud auth application-default login"


@dataclass(frozen=True)
class Role:
    """A role that is needed, where it is granted, and what of it is used."""

    name: str
    where: str
    permissions: frozenset[str]


def _permissions(prefix: str, names: str) -> frozenset[str]:
    return frozenset(f"{prefix}.{name}" for name in names.split())


# To store and load; --update-schema needs bigquery.tables.update besides, --export-parquet bigquery.tables.export.
ROLES = (
    Role("roles/storage.objectUser", "the bucket", _permissions("storage.objects", "create delete get list update")),
    Role("roles/storage.legacyBucketReader", "the bucket", _permissions("storage.buckets", "get")),
    Role(
        "roles/bigquery.dataEditor", "the dataset",
        _permissions("bigquery", "datasets.get tables.create tables.delete tables.export tables.get tables.getData tables.update tables.updateData"),
    ),
    Role("roles/bigquery.jobUser", "the project", _permissions("bigquery", "jobs.create")),
)  # fmt: skip
OBJECTS = sorted(ROLES[0].permissions)
TO_READ_OBJECTS = ["storage.objects.get", "storage.objects.list"]
TABLES = sorted(
    p for p in ROLES[2].permissions if p.startswith("bigquery.tables.") and not p.endswith((".create", ".export"))
)


def role_for(permission: str) -> str:
    """The role to ask for, and on what; "" for a permission that nothing here needs."""
    return next((f"{role.name} on {role.where}" for role in ROLES if permission in role.permissions), "")


def lacking(permissions: Iterable[str]) -> str:
    """Missing permissions in words, with the roles that hold them."""
    names = sorted(permissions)
    return f"the account lacks {', '.join(names)}; ask for {' and '.join(dict.fromkeys(map(role_for, names)))}"


class Trouble(NamedTuple):
    """Why a service did not do something. stops: other days would fare no better, so the dataset is given up at once;
    again: asking later may help."""

    text: str
    stops: bool
    again: bool


# What an error's reason or text holds -> what mends it, whether other days fare no better (otherwise the words are ours,
# for Google's name the object, and the days should be told of together). The first that fits.
_MENDS = (
    (r"quotaExceeded|BigQuery quota is used up", "", True),
    (
        r"retentionPolicyNotMet|objectUnderActiveHold|retention policy|object retention|under active",
        "a retention policy or a hold keeps the stored day from being replaced; it stays as it was, its copy is in superseded/; "
        "lift the policy or the hold, or leave it so", False,
    ),
    (r"vpcServiceControls|VPC Service Controls|organization.s policy", "ask an administrator to let this account through the service perimeter", True),
    (
        r"insufficient authentication scopes|SCOPE_INSUFFICIENT",
        "the machine's access scopes are too narrow; run: gcloud compute instances set-service-account INSTANCE --scopes=cloud-platform", True,
    ),
    (
        r"accessNotConfigured|SERVICE_DISABLED|has not been used in project",
        "run: gcloud services enable storage.googleapis.com bigquery.googleapis.com", True,
    ),
    (r"requires a quota project|set-quota-project", "run: gcloud auth application-default set-quota-project PROJECT", True),
    (r"billingTierLimitExceeded", "raise the project's limit on the billing tier, or take it away", True),
    (r"bytesBilledLimitExceeded", "the table holds far more than the registry expects; correct rows_per_day in datasets_config.py", True),
    (
        r"billingNotEnabled|accountDisabled|UserProjectAccountProblem|[Bb]illing has not been enabled|billing account|free tier",
        "link a billing account to the project: gcloud billing projects link PROJECT --billing-account=ACCOUNT", True,
    ),
    (
        r"[Rr]equester.pays|UserProjectMissing|user project provided",
        "buckets whose requester pays are not supported; run: gcloud storage buckets update gs://BUCKET --no-requester-pays", True,
    ),
    (r"\bkms\b|cloudkms|KMS", "grant roles/cloudkms.cryptoKeyEncrypterDecrypter on the key to the service agents of Cloud Storage and BigQuery", True),
    (r"^blocked\b", "BigQuery has blocked this project or account; ask the project's owner or Google Cloud's support", True),
    (r"specified bucket does not exist", "make the bucket again, or correct BMRS_BUCKET", True),
    (r"different locations", "bucket and dataset must be in one location", True),
    # The local cloud's alone.
    (r"[Nn]o space left on device", "make room there", True),
)  # fmt: skip
_PERMISSION = re.compile(r"\b(?:bigquery|storage)\.(?!googleapis)[A-Za-z]+\.[A-Za-z]+")


def refused_credentials(error: BaseException) -> str:
    """What to say, and to do, when credentials are no longer good."""
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    renew = (
        f"renew the credentials that GOOGLE_APPLICATION_CREDENTIALS names ({named!r}), or unset it and "
        if named
        else ""
    )
    return f"the credentials were refused ({said(error)}); {renew}run: {LOGIN}"


def said(error: BaseException) -> str:
    """What a service said, in one line of at most 500 characters: of an answer's JSON the message alone; the error's
    type where it says nothing."""

    error = getattr(error, "cause", None) or error
    if isinstance(error, OSError):
        return printable(plain(error))
    text = str(getattr(error, "message", "") or error)
    start, end = text.find("{"), text.rfind("}")
    try:
        # Of an upload the library passes on the whole body of the answer.
        text = json.loads(text[start : end + 1])["error"]["message"]
    except (ValueError, KeyError, TypeError):
        text = re.sub(r"^[A-Z]+ https?://\S+: ", "", text.strip())
    return printable(" ".join(str(text).split("\n\n")[0].split())[:500]) or type(error).__name__


def reason_of(error: BaseException) -> str:
    """The reason that a service gave; "" for none."""
    details = [detail for detail in getattr(error, "errors", None) or () if isinstance(detail, dict)]
    if not details and (found := re.search(r'"reason":\s*"(\w+)"', str(error))):
        return found[1]
    return next((str(detail["reason"]) for detail in details if detail.get("reason")), "")


def trouble(service: str, error: BaseException) -> Trouble:
    """What to say of an error of `service` and what to do about it.

    Credentials that ended, a permission, billing or a quota will not get better while a run lasts; all else may.
    """

    cause = getattr(error, "cause", None) or error
    ended = isinstance(cause, GoogleAuthError) and not isinstance(cause, TransportError) and not cause.retryable
    if ended or isinstance(cause, exceptions.Unauthorized):
        return Trouble(f"{service}: {refused_credentials(cause)}", True, False)
    words = said(cause)
    text = f"{reason_of(cause)}: {words}"
    for pattern, mend, stops in _MENDS:
        if re.search(pattern, text):
            return Trouble(f"{service}: {'; '.join(filter(None, (words if stops else '', mend)))}", stops, False)
    refused = isinstance(cause, exceptions.Forbidden) and "imit" not in reason_of(cause)
    roles = [role for found in _PERMISSION.findall(text) if (role := role_for(found))]
    if refused and not roles:
        # A refusal that names no permission: all roles of the service that refuses.
        prefix = "roles/storage." if service == "Cloud Storage" or "gs://" in words else "roles/bigquery."
        roles = [f"{role.name} on {role.where}" for role in ROLES if role.name.startswith(prefix)]
    mend = f"; ask for {' and '.join(dict.fromkeys(roles))}" if roles and refused else ""
    return Trouble(f"{service}: {words}{mend}", refused, not refused)


# ---------------------------------------------------------------------------------------------- before the start
def expiring(dataset: bigquery.Dataset) -> str:
    """What makes the tables of a dataset vanish by themselves, and the command that unsets it; "" for nothing."""
    found = {
        "default_partition_expiration": dataset.default_partition_expiration_ms,
        "default_table_expiration": dataset.default_table_expiration_ms,
    }
    days = {name: f"{int(value) / 86_400_000:g} days" for name, value in found.items() if value}
    if not days:
        return ""
    told = " and ".join(f"{name} ({value})" for name, value in days.items())
    flags = " ".join(f"--{name} 0" for name in days)
    return (
        f"has a {told}, which would delete what is loaded (a project without billing has it always); "
        f"run: bq update {flags} {dataset.project}:{dataset.dataset_id}"
    )


def expiring_table(table: bigquery.Table) -> str:
    """The same of a live table."""
    name = f"{table.project}:{table.dataset_id}.{table.table_id}"
    if table.expires:
        return f"the table expires on {table.expires:%Y-%m-%d}; run: bq update --expiration 0 {name}"
    if table.time_partitioning and table.time_partitioning.expiration_ms:
        days = int(table.time_partitioning.expiration_ms) / 86_400_000
        return f"its partitions expire after {days:g} days; run: bq update --time_partitioning_expiration 0 {name}"
    return ""


def missing_on_bucket(bucket: storage.Bucket, permissions: list[str], **patience: Any) -> list[str]:
    """Which of `permissions` the account does not have on a bucket; needs none itself. Raises google.api_core exceptions."""
    granted = bucket.test_iam_permissions(permissions, **patience)
    return [name for name in permissions if name not in granted]


def labels(step: str, dataset: str = "") -> dict[str, str]:
    """What every job carries, so that its cost can be told in the billing export."""
    return {"app": "gb_electricity", "step": step} | ({"dataset": dataset} if dataset else {})
