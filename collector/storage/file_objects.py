"""Published files as they came, whole, a version at a time.

`raw/<key>/files/<resource>/<YYYYMMDDTHHMMSSZ>-<first digits of the SHA-256>.csv.gz` holds the bytes of one version of a
resource, compressed; nothing is ever replaced there. What the source says of the file stands in the object's metadata. Day
objects are derived from these, and can be again.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from google.api_core import exceptions
from isal import igzip

from collector.base.gb_calendar import parse_utc, utc_text
from collector.storage.day_objects import LISTED, PAGE, RETRY
from collector.storage.payload import GZIP_LEVEL

if TYPE_CHECKING:
    from google.cloud import storage  # type: ignore[attr-defined]

_NAME = re.compile(r"raw/[a-z0-9_]+/files/(?P<resource>[0-9a-f-]{36})/(?P<stamp>\d{8}T\d{6}Z)-[0-9a-f]{12}\.csv\.gz")
_COPIED = 1 << 20


@dataclass(frozen=True)
class StoredFile:
    """A version of a file in the bucket. fetched: when these bytes first came; read: when they last came (aware UTC);
    modified: last_modified as the portal told then, and `latest` as it told last; rows: records; derived: by which rules its days were last derived, ""
    while they are not; first, last: the settlement days that it has records of."""

    name: str
    resource: str
    fetched: datetime
    read: datetime
    modified: str
    latest: str
    sha256: str
    source_name: str
    encoding: str
    rows: int
    derived: str
    first: date | None
    last: date | None

    @classmethod
    def of(cls, blob: storage.Blob) -> StoredFile | None:
        """From a listed blob; None for one that is not ours."""
        match, told = _NAME.fullmatch(blob.name), blob.metadata or {}
        try:
            if not match:
                return None
            fetched = parse_utc(told["fetched_at"])
            days = [date.fromisoformat(told[name]) if told.get(name) else None for name in ("first_day", "last_day")]
            return cls(
                blob.name, match["resource"], fetched, parse_utc(told.get("read_at") or told["fetched_at"]), told.get("last_modified", ""),
                told.get("latest_modified") or told.get("last_modified", ""), told["sha256"], told.get("source_name", ""),
                told.get("encoding", ""), int(told.get("rows") or -1), told.get("derived", ""), days[0], days[1],
            )  # fmt: skip
        except (KeyError, ValueError):
            return None


class FileStore:
    """The files of one dataset in a bucket."""

    def __init__(self, bucket: storage.Bucket, key: str) -> None:
        self.bucket, self._prefix = bucket, f"raw/{key}/files/"

    def versions(self) -> dict[str, list[StoredFile]]:
        """The stored versions of each resource, oldest first, in one listing."""
        found: dict[str, list[StoredFile]] = {}
        for blob in self.bucket.client.list_blobs(
            self.bucket, prefix=self._prefix, fields=LISTED, page_size=PAGE, retry=RETRY
        ):
            if stored := StoredFile.of(blob):
                found.setdefault(stored.resource, []).append(stored)
        for those in found.values():
            those.sort(key=lambda one: (one.fetched, one.name))
        return found

    def put(self, resource: str, body: BinaryIO, sha256: str, fetched: datetime, told: dict[str, str]) -> StoredFile:
        """Keep a version. told: what else is known of it. Raises google.api_core exceptions."""
        blob = self.bucket.blob(f"{self._prefix}{resource}/{fetched:%Y%m%dT%H%M%SZ}-{sha256[:12]}.csv.gz")
        blob.metadata = {"sha256": sha256, "fetched_at": utc_text(fetched), "read_at": utc_text(fetched), **told}
        with tempfile.TemporaryFile() as packed:
            with igzip.open(packed, "wb", compresslevel=GZIP_LEVEL) as target:
                body.seek(0)
                shutil.copyfileobj(body, target, _COPIED)
            size = packed.tell()
            packed.seek(0)
            # The same bytes under the same name are there already. A small file goes in one request.
            with contextlib.suppress(exceptions.PreconditionFailed):
                blob.upload_from_file(
                    packed, size=size, content_type="application/gzip", if_generation_match=0, checksum="crc32c",
                    retry=RETRY,
                )  # fmt: skip
        return self._current(blob.name)

    def note(self, stored: StoredFile, **told: Any) -> StoredFile:
        """Write down more of a stored version. Of two runs at one time the later has the last word: what is then not known to be
        derived is derived again."""
        blob = self.bucket.blob(stored.name)
        blob.reload(retry=RETRY)
        blob.metadata = {**(blob.metadata or {}), **{name: str(value) for name, value in told.items()}}
        blob.patch(retry=RETRY)
        return self._current(blob.name)

    @contextlib.contextmanager
    def opened(self, stored: StoredFile) -> Iterator[BinaryIO]:
        """Its bytes as they came from the source."""
        with tempfile.TemporaryFile() as packed:
            # Its name has the hash of its content, which is never replaced.
            self.bucket.blob(stored.name).download_to_file(packed, raw_download=True, checksum="crc32c", retry=RETRY)
            packed.seek(0)
            with igzip.open(packed, "rb") as body:
                yield cast(BinaryIO, body)

    def _current(self, name: str) -> StoredFile:
        blob = self.bucket.blob(name)
        blob.reload(retry=RETRY)
        if (stored := StoredFile.of(blob)) is None:
            raise exceptions.DataLoss(f"{name} is not what was just written there")
        return stored
