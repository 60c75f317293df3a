"""What will end before long and stop the collection: credentials, room on a disk. Told as far as it can be known here.

A key of a service account carries no end, and the end of a person's login is known to Google alone; an identity token that
a file holds tells its own.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from collector.base.gb_calendar import UTC, utc_text
from collector.settings import ROOT, Settings

# A daily run must begin and end before it.
_SOON = timedelta(hours=24)
# A year of logs and pages of the eleven datasets is 150 MB; a run needs a few MB for its own.
_LEAST_FREE = 200_000_000


def warnings(settings: Settings, now: datetime) -> list[str]:
    """What will end, a line each, with what to do; now: aware UTC."""
    found = [] if settings.emulator("STORAGE") else [_credentials(now)]
    return [line for line in [*found, *_disks()] if line]


def _credentials(now: datetime) -> str:
    path = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS", "")
    ends = token_end(Path(path)) if path else None
    if ends is None or ends - now > _SOON:
        return ""
    return f"the identity token that {path} names ends at {utc_text(ends)}; whoever writes it must renew it before the next run"


def token_end(credentials: Path) -> datetime | None:
    """When the token ends that a file of a federated identity (type external_account) names; None where nothing tells.

    Format: Google Cloud's configuration of workload identity federation, credential_source; the token is a JWT, RFC 7519.
    """
    try:
        told = json.loads(credentials.read_text(encoding="utf-8"))
        source = told["credential_source"]
        text = Path(source["file"]).read_text(encoding="utf-8")
        if name := source.get("format", {}).get("subject_token_field_name"):
            text = json.loads(text)[name]
        claims = text.strip().split(".")[1]
        return datetime.fromtimestamp(
            json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["exp"], UTC
        )
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError):
        return None  # fmt: skip


def _disks() -> list[str]:
    found = {}
    for place in (ROOT / "logs", Path(tempfile.gettempdir())):
        try:
            if os.access(place, os.W_OK):
                found[place.stat().st_dev] = (place, shutil.disk_usage(place).free)
        except OSError:
            continue
    return [
        f"only {free / 1e6:,.0f} MB are free for {place}; make room there, or lower BMRS_KEEP_LOGS"
        for place, free in found.values()
        if free < _LEAST_FREE
    ]
