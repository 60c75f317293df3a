"""Altered data pass no verification: each thing that can be tampered with, told by its name and with what mends it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable
from typing import Any

import google_crc32c
import google_sql
import pytest
from conftest import Place, days
from google.cloud import bigquery

from collector.registry.model import Column, Dataset
from collector.storage.day_objects import DayStore, object_name
from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, upgraded
from datasets_config import REGISTRY

KEY, FIRST, DAY, LAST = "market_index", "2024-01-05", "2024-01-06", "2024-01-07"
WHICH = ("--datasets", KEY, "--start-date", FIRST, "--end-date", LAST)
ALL = (FIRST, DAY, LAST)
LEDGER = LEDGER
BIGGEST = 2**63 - 1


@pytest.fixture(scope="module")
def judged() -> list[Place]:
    """A place that was found to be right; the others come about in the same way."""
    return []


@pytest.fixture
def whole(place: Place, judged: list[Place]) -> Place:
    """Three days, stored and loaded and right."""
    place.collect(*WHICH)
    if not judged:
        assert state_of(place) == {}
        judged.append(place)
    return place


def told_of(place: Place, *more: str) -> tuple[int, dict[str, Any]]:
    code, told = place.verification(*WHICH, "--without-source", *more)
    return code, told[KEY]


def state_of(place: Place) -> dict[str, str]:
    """The days that are not complete. Zeros of one provider are ordinary, as is the exit code of what is all right."""
    code, told = told_of(place)
    found = {day[0]: day[1] for day in told["days"]}
    assert (code == 1) == bool(found or told["alarms"]), told
    return found


def is_right(place: Place) -> None:
    """Nothing is told, and bucket and table hold what the source has."""
    assert state_of(place) == {}
    for day in ALL:
        place.check(KEY, day)


def rewrite(place: Place, day: str, content: bytes | None = None, **metadata: str) -> None:
    """Upload the object of a day anew: other bytes (None: the same), under its metadata but for those given."""
    old = place.blob(KEY, day)
    blob = place.bucket.blob(old.name)
    blob.metadata = {**old.metadata, **metadata}
    blob.upload_from_string(old.download_as_bytes(raw_download=True) if content is None else content, content_type="application/gzip")


def ledger(place: Place) -> str:
    return f"`{place.bq.project}.{place.dataset_id}.{LEDGER}`"


# ---------------------------------------------------------------------------------------------- the object
def dearer(place: Place, day: str) -> bytes:
    """The lines of a day with another price in one of them."""
    lines = [json.loads(line) for line in place.lines(KEY, day)]
    lines[3]["price"] = 915_000.5
    return gzip.compress(b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines))


OBJECTS: dict[str, Callable[[Place, str], None]] = {
    "other values under the old metadata": lambda place, day: rewrite(place, day, dearer(place, day)),
    "metadata that say it is empty": lambda place, day: rewrite(place, day, rows="0", crc32c=""),
    "no bytes under the old metadata": lambda place, day: rewrite(place, day, gzip.compress(b""), crc32c=""),
}


def test_altered_objects_are_told_not_loaded_and_fetched_anew(whole: Place) -> None:
    for day, alter in zip(ALL, OBJECTS.values(), strict=True):
        alter(whole, day)
    assert state_of(whole) == dict.fromkeys(ALL, "altered")
    text = whole.load("--verify", "--counts-only", "--without-source", *WHICH)
    assert f"{KEY}: altered: {FIRST} to {LAST} (the stored object is not what was uploaded; run the downloader, then the loader for them)" in text.out
    before = whole.rows(KEY)
    forced = whole.load("--force", *WHICH)
    assert (forced.code, forced.cell(KEY, "LOADED"), forced.cell(KEY, "FAILED")) == (1, "0", "3")
    for day in ALL:
        assert f"FAILED {KEY} {day}: {object_name(KEY, days(day)[0])} is not what was uploaded, so it is not loaded; fetch it anew: " in forced.out
    assert sorted(map(repr, whole.rows(KEY))) == sorted(map(repr, before))
    altered = {f"superseded/{KEY}/2024/01/{KEY}_{day}.{whole.blob(KEY, day).generation}.ndjson.gz" for day in ALL}
    whole.collect(*WHICH)
    assert altered <= {*whole.objects("superseded/")}
    is_right(whole)


def test_forged_metadata_are_told(whole: Place) -> None:
    """Another number of rows, another checksum of the lines, and an empty day that somebody claims to have read in ages to come."""
    nothing = gzip.compress(b"")
    rewrite(whole, FIRST, rows="95")
    rewrite(whole, DAY, sha256="0" * 64)
    rewrite(
        whole, LAST, nothing, rows="0", sha256=hashlib.sha256(b"").hexdigest(), profile="", confirmed="true", fetched_at="9999-01-01T00:00:00Z",
        crc32c=base64.b64encode(google_crc32c.Checksum(nothing).digest()).decode(),
    )  # fmt: skip
    assert state_of(whole) == {FIRST: "differing", DAY: "not loaded", LAST: "altered"}
    whole.download("--force", *WHICH).ok()
    assert [len(whole.lines(KEY, day)) for day in ALL] == [96] * 3
    whole.load(*WHICH).ok()
    is_right(whole)


def test_an_object_of_an_earlier_version_is_taken_as_it_is(whole: Place) -> None:
    """It tells no checksum: nothing is read again, nor does a reading of the same records bless bytes that are not ours."""
    lines = b"".join(line + b"\n" for line in whole.lines(KEY, DAY))
    rewrite(whole, DAY, gzip.compress(lines), crc32c="")
    is_right(whole)
    before = len(whole.requests())
    whole.collect(*WHICH)
    assert len(whole.requests()) == before
    first = days(DAY)[0]
    store = DayStore(whole.bucket)
    known = store.list(REGISTRY[KEY], first, first)[first]
    from collector.storage.payload import pack

    done, touched = store.put(REGISTRY[KEY], first, pack([lines.splitlines()], (), known.fetched, DAY, False), known)  # type: ignore[arg-type]
    assert (done, touched.told_crc32c, touched.is_altered) == ("same", "", False)
    assert not whole.blob(KEY, DAY).metadata["crc32c"]
    assert whole.blob(KEY, FIRST).metadata["crc32c"] == whole.blob(KEY, FIRST).crc32c


# ---------------------------------------------------------------------------------------------- the table
# One row, by its key.
ROW = "settlement_date = DATE '{1}' AND settlement_period = 7 AND data_provider = 'APXMIDP'"
A_VALUE = f"UPDATE `{{0}}` SET price = price + 0.01 WHERE {ROW}"
TABLE = {
    FIRST: (A_VALUE,),
    DAY: (f"UPDATE `{{0}}` SET volume = NULL WHERE {ROW}",),
    LAST: (f"DELETE FROM `{{0}}` WHERE {ROW}", f"INSERT INTO `{{0}}` SELECT * FROM `{{0}}` WHERE {ROW.replace('= 7', '= 8')}"),
}


def forced(place: Place) -> None:
    """What the verification says of such days mends them."""
    text = place.load("--verify", "--without-source", *WHICH)
    assert "(the table's rows are not those that were loaded; run the loader with --force for them)" in text.out
    place.load("--force", *WHICH).ok()
    is_right(place)


def test_altered_rows_are_told_where_values_are_read(whole: Place) -> None:
    """A value, one that is gone, and a row that is deleted while another one is doubled."""
    for day, statements in TABLE.items():
        for statement in statements:
            whole.query(statement.format(whole.table_id(KEY), day))
    assert state_of(whole) == dict.fromkeys(ALL, "differing")
    assert told_of(whole, "--counts-only")[0] == 0, "by numbers of rows alone nothing is seen"
    forced(whole)


def test_days_that_are_exchanged_are_told(whole: Place) -> None:
    whole.query(
        f"UPDATE `{whole.table_id(KEY)}` SET settlement_date = DATE_ADD(DATE '{LAST}', INTERVAL DATE_DIFF(DATE '{DAY}', settlement_date, DAY) DAY) "
        f"WHERE settlement_date IN (DATE '{DAY}', DATE '{LAST}')"
    )
    assert state_of(whole) == {DAY: "differing", LAST: "differing"}
    forced(whole)


def test_a_table_and_a_ledger_that_were_made_to_agree_are_told(whole: Place) -> None:
    """A row is deleted and its number lowered; an entry claims to be the newest for ages; two halves of an hour change places."""
    table, entry = whole.table_id(KEY), ledger(whole)
    whole.query(f"DELETE FROM `{table}` WHERE {ROW.format('', FIRST)}")
    whole.query(f"UPDATE {entry} SET table_rows = table_rows - 1 WHERE settlement_date = DATE '{FIRST}'")
    whole.query(f"UPDATE {entry} SET loaded_at = TIMESTAMP '2999-01-01', digest = digest + 5 WHERE settlement_date = DATE '{DAY}'")
    whole.query(f"UPDATE `{table}` SET settlement_period = 15 - settlement_period WHERE settlement_date = DATE '{LAST}' AND settlement_period IN (7, 8)")
    assert state_of(whole) == dict.fromkeys(ALL, "differing")
    forced(whole)


# ---------------------------------------------------------------------------------------------- the columns
def test_a_column_that_is_lost_fails_and_comes_back_filled(whole: Place) -> None:
    whole.query(f"ALTER TABLE `{whole.table_id(KEY)}` DROP COLUMN price")
    for more in ((), ("--counts-only",)):
        code, told = told_of(whole, *more)
        assert (code, told["ok"]) == (1, False)
        (alarm,) = told["alarms"]
        assert alarm == f"the table does not fit: missing column: price FLOAT64; run enhanced_bigquery_loader.py --update-schema --datasets {KEY}"
    whole.load("--update-schema", "--datasets", KEY).ok()
    assert state_of(whole) == dict.fromkeys(ALL, "not loaded")
    assert whole.load(*WHICH).ok().cell(KEY, "LOADED") == "3"
    is_right(whole)
    assert whole.load(*WHICH).ok().cell(KEY, "LOADED") == "0"


def wider(dataset: Dataset) -> Dataset:
    return dataset._replace(columns=(*dataset.columns, Column("dataset_code", "STRING", "dataset", "Code of the dataset")))


@pytest.mark.long
def test_what_an_older_loader_loads_is_loaded_again_by_a_newer_one(whole: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    older = REGISTRY[KEY]
    monkeypatch.setitem(REGISTRY, KEY, wider(older))
    assert whole.load(*WHICH).code == 1, "the column is not there yet"
    whole.load("--update-schema", "--datasets", KEY).ok()
    assert whole.load(*WHICH).ok().cell(KEY, "LOADED") == "3"
    monkeypatch.setitem(REGISTRY, KEY, older)
    assert whole.load(*WHICH).ok().cell(KEY, "LOADED") == "0", "what a newer one has loaded is whole to an older one too"
    assert told_of(whole)[0] == 0
    day = ("--datasets", KEY, "--start-date", DAY, "--end-date", DAY)
    whole.load("--force", *day).ok()
    assert {row["dataset_code"] for row in whole.rows(KEY, DAY)} == {None}
    monkeypatch.setitem(REGISTRY, KEY, wider(older))
    assert state_of(whole) == {DAY: "not loaded"}
    assert whole.load(*WHICH).ok().cell(KEY, "LOADED") == "1"
    assert {row["dataset_code"] for row in whole.rows(KEY)} == {"MID"}
    assert state_of(whole) == {}


# ---------------------------------------------------------------------------------------------- the ledger
def make_old(place: Place) -> None:
    """The ledger as an earlier version has it."""
    for column in ("column_hash", "digest"):
        place.query(f"ALTER TABLE {ledger(place)} DROP COLUMN {column}")


def test_a_ledger_of_an_earlier_version_is_read_and_gets_its_columns_by_the_next_load(whole: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    make_old(whole)
    is_right(whole)
    assert whole.load(*WHICH).ok().cell(KEY, "SETTLED") == "3", "nothing is loaded again"
    day = ("--datasets", KEY, "--start-date", DAY, "--end-date", DAY)
    # Two loaders come to it at one time: what ours was told is old when it writes.
    update, raced = bigquery.Client.update_table, []

    def late(client: bigquery.Client, table: bigquery.Table, *rest: Any, **more: Any) -> bigquery.Table:
        if not raced:
            other = client.get_table(table.reference)
            assert upgraded(other)
            raced.append(update(client, other, ["schema"]))
        return update(client, table, *rest, **more)

    monkeypatch.setattr(bigquery.Client, "update_table", late)
    whole.load("--force", *day).ok()
    assert raced
    assert sorted(f.name for f in whole.bq.get_table(ledger(whole).strip("`")).schema) == sorted(f.name for f in LEDGER_SCHEMA)
    assert whole.load(*WHICH).ok().cell(KEY, "SETTLED") == "3"
    whole.query(A_VALUE.format(whole.table_id(KEY), DAY))
    assert state_of(whole) == {DAY: "differing"}
    # An earlier version names the columns that it knows.
    old = ", ".join(f.name for f in LEDGER_SCHEMA if f.name not in ("column_hash", "digest"))
    whole.query(f"INSERT INTO {ledger(whole)} ({old}) SELECT {old.replace('loaded_at', 'CURRENT_TIMESTAMP()')} FROM {ledger(whole)}")
    assert state_of(whole) == {}, "what it has written is taken as it is"


@pytest.mark.parametrize("force", [(), pytest.param(("--force",), marks=pytest.mark.long)])
def test_a_generation_that_never_was_stops_its_day_alone(whole: Place, force: tuple[str, ...]) -> None:
    """The day can be loaded no more, for all that the ledger tells: so it is told, and the others of its batch are loaded."""
    for day in ALL:
        whole.api.change("MID", day, "revision", by=3, rows=3)
    whole.download("--force", *WHICH).ok()
    whole.query(f"UPDATE {ledger(whole)} SET generation = {BIGGEST} WHERE settlement_date = DATE '{DAY}'")
    ran = whole.load(*force, *WHICH)
    assert (ran.code, ran.cell(KEY, "LOADED"), ran.cell(KEY, "FAILED")) == (1, "2", "1")
    name = object_name(KEY, days(DAY)[0])
    newest = whole.blob(KEY, DAY).generation
    assert f"FAILED {KEY} {DAY}: the load ledger has generation {BIGGEST} of {name}, of which the bucket's newest is {newest}" in ran.out
    mend = ran.out.partition("delete it and load again: ")[2].splitlines()[0]
    assert state_of(whole) == {DAY: "not loaded"}
    google_sql.judge(mend)
    whole.query(mend)
    whole.load(*WHICH).ok()
    is_right(whole)


def test_a_day_that_another_load_has_published_is_counted(whole: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours was about to publish an older object."""
    stale = DayStore(whole.bucket).list(REGISTRY[KEY], days(DAY)[0], days(DAY)[0])
    whole.api.change("MID", DAY, "revision", by=3, rows=3)
    whole.download("--force", *WHICH).ok()
    listing, day = DayStore.list, ("--datasets", KEY, "--start-date", DAY, "--end-date", DAY)
    whole.load(*day).ok()
    with monkeypatch.context() as patch:

        def first_old(self: DayStore, *rest: Any) -> Any:
            patch.setattr(DayStore, "list", listing)
            return stale

        patch.setattr(DayStore, "list", first_old)
        ran = whole.load(*day).ok()
    assert ran.cell(KEY, "LOADED") == "0"
    assert f"{KEY}: 1 days were published meanwhile by another load" in ran.out
    is_right(whole)
