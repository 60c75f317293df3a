"""A settlement day ready to be stored: its records as compressed lines, and what is told of them in the object's metadata."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import google_crc32c
from isal import isal_zlib

from collector.base.gb_calendar import parse_utc, utc_text

# Of the four levels of isal, 1 is the fastest that still compresses these records twelvefold.
GZIP_LEVEL = 1
# Object metadata may hold 8 KiB in all (the emulator: 3.4 KB); field names beyond this are counted, not named.
_FIELDS_LIMIT = 1_400
# So much of a request is kept.
_REQUEST_LIMIT = 300


@dataclass(frozen=True)
class Payload:
    """A day ready to be stored: compressed lines and what is told about them in the object's metadata."""

    data: bytes = field(repr=False)
    rows: int
    sha256: str
    metadata: dict[str, str]

    @property
    def fetched(self) -> datetime:
        """When the answer came (aware UTC)."""
        return parse_utc(self.metadata["fetched_at"])


def sha256_of(groups: Iterable[list[bytes]]) -> str:
    """The SHA-256 that a day with these lines would have."""
    digest = hashlib.sha256()
    for group in groups:
        digest.update(b"\n".join((*group, b"")))
    return digest.hexdigest()


def lines_of(payload: Payload) -> Iterator[list[bytes]]:
    """The records of a day, in one piece."""
    yield isal_zlib.decompress(payload.data, 31).splitlines()


def pack(
    groups: Iterable[list[bytes]],
    fields: Iterable[str],
    fetched: datetime,
    window: str,
    confirmed: bool,
    profile: str = "",
    asked: str = "",
) -> Payload:
    """Compress records, already ordered and in pieces, one a line; only one piece of them is held uncompressed at a time.

    fetched: when the answer came (aware UTC). window: the days that were asked for; asked: the request. confirmed: a second look within the run found no
    more than this. profile: what the records are, counted.
    """
    # No time stamp in the header. The compressed bytes of the same lines are nearly always the same; only their SHA-256 is
    # relied on.
    squeeze, digest, rows = isal_zlib.compressobj(GZIP_LEVEL, wbits=31), hashlib.sha256(), 0
    parts = []
    for group in groups:
        rows += len(group)
        text = b"\n".join((*group, b""))
        digest.update(text)
        parts.append(squeeze.compress(text))
    parts.append(squeeze.flush())
    data = b"".join(parts)
    names = json.dumps(sorted(fields))
    if len(names) > _FIELDS_LIMIT:
        names = json.dumps([f"(too many to name: {len(set(fields))})"])
    metadata = {"rows": str(rows), "sha256": digest.hexdigest(), "fetched_at": utc_text(fetched), "first_fetched_at": utc_text(fetched),
                "window": window, "request": asked[:_REQUEST_LIMIT], "fields": names, "confirmed": str(confirmed).lower(), "profile": profile,
                "crc32c": base64.b64encode(google_crc32c.Checksum(data).digest()).decode()}  # fmt: skip
    return Payload(data, rows, digest.hexdigest(), metadata)
