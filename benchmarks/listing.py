"""The bare listing that a run with nothing to do is compared with: python3 listing.py BUCKET FIRST LAST DATASET..."""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from google.cloud import storage
from google.oauth2.credentials import Credentials

from collector.storage.day_objects import LISTED, PAGE, object_name


def main(bucket: str, first: str, last: str, *keys: str) -> None:
    endpoint = {"api_endpoint": os.environ["STORAGE_EMULATOR_HOST"]}
    client = storage.Client("benchmark-project", Credentials(os.environ["LOCAL_CLOUD_TOKEN"]), client_options=endpoint)
    client.get_bucket(bucket)
    began, pages, found = time.perf_counter(), 0, 0
    for key in keys:
        listing = client.list_blobs(
            bucket, prefix=f"raw/{key}/", start_offset=object_name(key, date.fromisoformat(first)),
            end_offset=object_name(key, date.fromisoformat(last) + timedelta(1)), fields=LISTED, page_size=PAGE,
        )  # fmt: skip
        for page in listing.pages:
            pages, found = pages + 1, found + sum(1 for _ in page)
    print(json.dumps({"seconds": time.perf_counter() - began, "requests": pages, "objects": found}))


if __name__ == "__main__":
    main(*sys.argv[1:])
