"""What version 586d28e has stored and loaded is taken over as it is: nothing is fetched or loaded again."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from conftest import TWELVE, Place

from collector.warehouse.layout import LEDGER

# The metadata of a day object and the columns of the ledger, as that version wrote them.
METADATA = {"rows", "sha256", "fetched_at", "window", "fields", "confirmed"}
COLUMNS = (
    "dataset", "settlement_date", "object", "generation", "identity", "object_rows", "table_rows", "conflicts", "fetched_at", "loaded_at",
    "table_created",
)  # fmt: skip
# Three days over a clock change, read when nothing of them is revised any more, and looked at a month later.
WHICH = ("--datasets", *TWELVE, "--start-date", "2024-03-30", "--end-date", "2024-04-01")
READ = datetime(2026, 3, 1, 8, tzinfo=timezone.utc)
LATER = datetime(2026, 4, 1, 8, tzinfo=timezone.utc)

pytestmark = pytest.mark.emulators


@pytest.mark.long
def test_objects_tables_and_ledger_are_taken_over(place: Place) -> None:
    place.api.set(now="2026-03-01T08:00:00Z")
    place.download(*WHICH, now=READ).ok()
    for blob in place.objects().values():
        data, old = blob.download_as_bytes(raw_download=True), place.bucket.blob(blob.name)
        old.metadata = {name: value for name, value in (blob.metadata or {}).items() if name in METADATA}
        old.upload_from_string(data, content_type="application/gzip")
    place.load(*WHICH).ok()
    ledger = f"{place.bq.project}.{place.dataset_id}.{LEDGER}"
    for column in [field.name for field in place.bq.get_table(ledger).schema if field.name not in COLUMNS]:
        place.query(f"ALTER TABLE `{ledger}` DROP COLUMN {column}")
    before = {name: blob.generation for name, blob in place.objects().items()}
    assert len(before) == 3 * len(TWELVE)
    assert all(set(blob.metadata) == METADATA for blob in place.objects().values())

    place.api.set(now="2026-04-01T08:00:00Z")
    place.api.clear_log()
    downloaded, loaded = place.download(*WHICH, now=LATER).ok(), place.load(*WHICH).ok()
    assert place.api.requests == []
    assert {name: blob.generation for name, blob in place.objects().items()} == before
    for key in TWELVE:
        assert downloaded.cell(key, "SETTLED") == loaded.cell(key, "SETTLED") == "3"
        assert loaded.cell(key, "LOAD JOBS") == loaded.cell(key, "TRANSACTIONS") == "0"
    code, found = place.verification(*WHICH, "--without-source", now=LATER)
    assert code == 0, found
    assert all(found[key]["days_loaded"] == 3 for key in TWELVE)
