"""Day objects: one settlement day of one dataset in Cloud Storage.

`raw/<key>/<YYYY>/<MM>/<key>_<YYYY-MM-DD>.ndjson.gz` holds one record a line as the API sent it, ordered by instant
and then by bytes, so that the same records always make the same lines. What a replaced day held before is kept as
`superseded/<key>/<YYYY>/<MM>/<key>_<YYYY-MM-DD>.<generation>.ndjson.gz`.

Nothing here needs a lock: every write carries the generation that it means to replace, which holds across machines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import requests
from google.api_core import exceptions
from google.cloud.storage.retry import DEFAULT_RETRY

from collector.base.gb_calendar import ONE_DAY, UTC, parse_utc, utc_text
from collector.registry.model import Dataset
from collector.storage.payload import Payload
from collector.storage.profile import Profile, decode

if TYPE_CHECKING:
    from google.cloud import storage  # type: ignore[attr-defined]

PAGE = 1_000
LISTED = "items(name,generation,metageneration,size,crc32c,updated,metadata),nextPageToken"
# No clock of a machine that reads the time from the network is so far from the bucket's.
_CLOCKS_DIFFER = timedelta(minutes=10)
# Gzip of nothing is 20 bytes, of one record of any dataset more than 60.
_EMPTY_SIZE = 40
# Every write below is conditional on a generation, so repeating it is safe; five minutes outlast a bad spell.
RETRY = DEFAULT_RETRY.with_timeout(300.0)
_ATTEMPTS = 6


def object_name(key: str, day: date) -> str:
    """Where the day of a dataset is stored in the bucket."""
    return f"raw/{key}/{day:%Y/%m}/{key}_{day}.ndjson.gz"


def superseded_name(key: str, day: date, generation: int) -> str:
    """Where an earlier object of that day is kept."""
    return f"superseded/{key}/{day:%Y/%m}/{key}_{day}.{generation}.ndjson.gz"


def day_of_name(key: str, name: str) -> date | None:
    """The day of an object's name; None when it is not a day object of dataset `key`."""
    match = re.fullmatch(rf"raw/{key}/\d{{4}}/\d\d/{key}_(\d{{4}}-\d\d-\d\d)\.ndjson\.gz", name)
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
    return day if day and object_name(key, day) == name else None


@dataclass(frozen=True)
class DayObject:
    """A stored day as its listing tells: nothing is downloaded to know this.

    size: bytes as compressed. rows, sha256 (of the uncompressed lines), fetched (when these records were last read, aware
    UTC), fields: from the object's metadata; rows is -1 and fetched None where the metadata is not ours. first_fetched:
    when these records were first read. behind: when a verification found the source to have more, behind_read: when it
    was first asked again since. fewer: when the source was first seen to have less than this. crc32c: of the bytes, as
    the bucket has counted it. told_crc32c: of the bytes that were uploaded, by the metadata; "" where they do not say.
    is_altered: it is not what was uploaded: its bytes have another checksum, or there are bytes where it has no rows, or none
    where it has some, or it claims to have been read after the bucket, by its own clock, was last written to; then fetched is
    not known either.
    """

    day: date
    name: str
    generation: int
    metageneration: int
    size: int
    rows: int
    sha256: str
    fetched: datetime | None
    confirmed: bool
    fields: frozenset[str]
    first_fetched: datetime | None = None
    behind: datetime | None = None
    behind_read: datetime | None = None
    fewer: datetime | None = None
    profile_text: str = field(default="", repr=False)
    crc32c: str = ""
    told_crc32c: str = ""
    is_altered: bool = False

    @cached_property
    def profile(self) -> Profile | None:
        """The instants, series and counts of its records; None in objects of versions that kept none."""
        return decode(self.profile_text)

    @property
    def seen(self) -> datetime:
        """When these records were first read (aware UTC); far in the future where that is not known."""
        return self.first_fetched or self.fetched or datetime.max.replace(tzinfo=UTC)

    @property
    def since(self) -> datetime:
        """When the bucket first held these records (aware UTC); by its generation where the metadata do not say."""
        return self.first_fetched or self.fetched or datetime.fromtimestamp(min(self.generation / 1e6, 4e9), UTC)

    @property
    def is_of_old(self) -> bool:
        """Stored and confirmed by a version that looked twice in one run."""
        return self.confirmed and self.first_fetched is None

    @property
    def identity(self) -> str:
        """What tells one content of a day from another; reading the same records again does not change it."""
        return self.sha256 or f"generation {self.generation}"

    @classmethod
    def of(cls, day: date, blob: storage.Blob) -> DayObject:
        """From a listed or fetched blob."""
        # Read where the library has them: its own ways copy the metadata deeply and take the time apart by strptime, which
        # are half of what a listing costs.
        metadata = blob._properties.get("metadata") or {}
        rows = metadata.get("rows", "")
        crc32c, told = blob.crc32c or "", metadata.get("crc32c") or ""
        is_altered = bool(told and crc32c and told != crc32c) or (
            rows.isdigit() and (int(blob.size or 0) <= _EMPTY_SIZE) != (not rows.strip("0"))
        )
        # Metadata can be edited by anyone who may write to the bucket: what is not ours reads as not known.
        fetched, written = _instant(metadata, "fetched_at"), _written(blob)
        if fetched and written and fetched - written > _CLOCKS_DIFFER:
            fetched, is_altered = None, True
        return cls(
            day, blob.name, int(blob.generation), int(blob.metageneration or 0), int(blob.size or 0),
            int(rows) if re.fullmatch("[0-9]{1,12}", rows) else -1, metadata.get("sha256", ""), fetched,
            metadata.get("confirmed") == "true", _names(metadata.get("fields") or "[]"),
            _instant(metadata, "first_fetched_at"), _instant(metadata, "behind_at"), _instant(metadata, "behind_read_at"),
            _instant(metadata, "fewer_at"), metadata.get("profile") or "", crc32c, told, is_altered,
        )  # fmt: skip


# The days of a dataset nearly all have the same.
@lru_cache(maxsize=1_024)
def _names(text: str) -> frozenset[str]:
    """The field names in metadata; none where it is no list."""
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        return frozenset()
    return frozenset(map(str, names) if isinstance(names, list) else ())


def _written(blob: storage.Blob) -> datetime | None:
    """When the bucket last wrote the object or its metadata, by its own clock (aware UTC).

    The emulator leaves `updated` as it was when it patches metadata, but counts the generation on, which is in microseconds
    there and in Cloud Storage alike.
    """
    counted = datetime.fromtimestamp(min(int(blob.generation) / 1e6, 4e9), UTC)
    updated = _instant(blob._properties, "updated")
    return max(updated, counted) if updated else None


def _instant(metadata: Mapping[str, str], name: str) -> datetime | None:
    text = metadata.get(name)
    try:
        return parse_utc(text) if text else None
    except (ValueError, OverflowError):
        return None


class DayStore:
    """The day objects of one bucket."""

    def __init__(self, bucket: storage.Bucket) -> None:
        self.bucket = bucket

    def list(self, dataset: Dataset, first: date, last: date) -> dict[date, DayObject]:
        """The stored days from `first` to `last` in one listing pass."""
        if last < first:
            return {}
        key = dataset.key
        blobs = self.bucket.client.list_blobs(
            self.bucket, prefix=f"raw/{key}/", start_offset=object_name(key, first),
            end_offset=object_name(key, last + ONE_DAY), fields=LISTED, page_size=PAGE, retry=RETRY,
        )  # fmt: skip
        found = ((day_of_name(key, blob.name), blob) for blob in blobs)
        return {day: DayObject.of(day, blob) for day, blob in found if day and first <= day <= last}

    def superseded(self, dataset: Dataset, first: date, last: date) -> Mapping[date, Sequence[DayObject]]:
        """What the days from `first` to `last` held before; generation: the one that each object had then."""
        if last < first:
            return {}
        prefix = f"superseded/{dataset.key}/"
        blobs = self.bucket.client.list_blobs(
            self.bucket, prefix=prefix, start_offset=superseded_name(dataset.key, first, 0), end_offset=superseded_name(dataset.key, last + ONE_DAY, 0),
            fields=LISTED, page_size=PAGE, retry=RETRY,
        )  # fmt: skip
        found: dict[date, list[DayObject]] = {}
        for blob in blobs:
            match = re.fullmatch(r"(.*)\.([0-9]{1,19})\.ndjson\.gz", blob.name.removeprefix("superseded/"))
            day = day_of_name(dataset.key, f"raw/{match[1]}.ndjson.gz") if match else None
            if day and match and first <= day <= last:
                found.setdefault(day, []).append(replace(DayObject.of(day, blob), generation=int(match[2])))
        return found

    def put(
        self, dataset: Dataset, day: date, payload: Payload, known: DayObject | None, force: bool = False
    ) -> tuple[str, DayObject]:
        """Store a day; returns what was done - "new", "same" (the records were there already) or "replaced" - and the
        object as it is now.

        known: the object as last listed; one that was altered is replaced. force: replace one that should hold the same
        records but has another size, for it may be damaged. An object with other records is first kept under superseded/.
        A newer answer that somebody stored meanwhile stays, unless it has fewer records, for two machines' clocks may differ:
        "same" where it holds ours, else "overtaken". Raises google.api_core exceptions when the service fails for good.
        """
        fetched = payload.metadata["fetched_at"]
        for _attempt in range(_ATTEMPTS):
            try:
                if known is None:
                    return "new", self._upload(dataset, day, payload, 0)
                same = known.sha256 == payload.sha256 and known.rows == payload.rows
                if same and not known.is_altered and (not force or known.size == len(payload.data)):
                    return "same", self._touch(known, payload)
                self._keep(dataset, known)
                return "replaced", self._upload(dataset, day, payload, known.generation)
            except (exceptions.PreconditionFailed, exceptions.NotFound, requests.JSONDecodeError) as error:
                # Another run was faster, or an answer of ours was lost, or cut, after the upload had been done.
                if "bucket does not exist" in str(error):
                    raise
                known = self._current(dataset, day)
                if known and known.fetched and utc_text(known.fetched) > fetched and known.rows >= payload.rows:
                    return "same" if known.sha256 == payload.sha256 else "overtaken", known
        raise exceptions.Aborted(f"{object_name(dataset.key, day)} kept changing while it was to be replaced")

    def _upload(self, dataset: Dataset, day: date, payload: Payload, generation: int) -> DayObject:
        blob = self.bucket.blob(object_name(dataset.key, day))
        blob.metadata = payload.metadata
        blob.upload_from_string(
            payload.data,
            content_type="application/gzip",
            if_generation_match=generation,
            checksum="crc32c",
            retry=RETRY,
        )
        return DayObject.of(day, blob)

    def _touch(self, known: DayObject, payload: Payload) -> DayObject:
        """Record that the same records were read again: metadata alone, so the generation stays."""
        # First seen stays as it was; an object of a version that did not keep it was first seen when it was last.
        first = known.seen if known.fetched else payload.fetched
        # Ours may be other bytes of the same lines. Of an object that says nothing of its bytes only ours can tell.
        crc32c = known.crc32c if payload.metadata["crc32c"] == known.crc32c else known.told_crc32c
        told = {"first_fetched_at": utc_text(first), "crc32c": crc32c}
        if known.behind:
            told |= {
                "behind_at": utc_text(known.behind),
                "behind_read_at": utc_text(known.behind_read or payload.fetched),
            }
        if known.fewer:
            # The source has all of it again. What is left out of a patch would stay.
            told["fewer_at"] = ""
        return self._patch(known, payload.metadata | told)

    def look(self, known: DayObject, payload: Payload) -> DayObject:
        """Record that a later snapshot holds the same as the stored one."""
        return self._patch(known, {**self._metadata(known), "fetched_at": payload.metadata["fetched_at"]})

    def mark(self, known: DayObject, **marks: datetime) -> DayObject:
        """Note in the metadata of a day that the source has more (behind_at) or less (fewer_at) than it holds."""
        told = {name: utc_text(instant) for name, instant in marks.items()}
        # Told anew, it was not asked since.
        gone = {"behind_read_at": ""} if "behind_at" in told else {}
        return self._patch(known, {**self._metadata(known), **told, **gone})

    def _metadata(self, known: DayObject) -> dict[str, str]:
        blob = self.bucket.blob(known.name)
        blob.reload(retry=RETRY)
        return dict(blob.metadata or {})

    def _patch(self, known: DayObject, metadata: dict[str, str]) -> DayObject:
        blob = self.bucket.blob(known.name)
        blob.metadata = metadata
        blob.patch(
            if_generation_match=known.generation, if_metageneration_match=known.metageneration or None, retry=RETRY
        )
        return DayObject.of(known.day, blob)

    def _keep(self, dataset: Dataset, known: DayObject) -> None:
        """Copy the object that is to be replaced, server side; a copy that is there already will do."""
        source = self.bucket.blob(known.name)
        try:
            self.bucket.copy_blob(
                source, self.bucket, superseded_name(dataset.key, known.day, known.generation),
                source_generation=known.generation, if_generation_match=0, retry=RETRY,
            )  # fmt: skip
        except exceptions.PreconditionFailed:
            if self.bucket.get_blob(superseded_name(dataset.key, known.day, known.generation), retry=RETRY) is None:
                raise

    def _current(self, dataset: Dataset, day: date) -> DayObject | None:
        blob = self.bucket.get_blob(object_name(dataset.key, day), retry=RETRY)
        return DayObject.of(day, blob) if blob else None
