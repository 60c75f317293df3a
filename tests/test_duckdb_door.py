"""DuckDB's views over the bucket's objects hold what the tables hold, row by row, name by name, type by type."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, TWELVE, Place
from isal import igzip

from collector.duckdb_door import TYPES, main
from datasets_config import REGISTRY
from local_cloud import environment_folder

# With lists, partitions, snapshots of the question's own day, and versions.
KEYS = (*TWELVE, "accepted_volumes", "physical_notifications", "settlement_acceptances", "loss_of_load_probability")
DAYS = ("2024-03-31", "2024-10-27")
# In an environment that has DuckDB: runs the file, prints each view's types and rows.
PROGRAM = """
import json, sys, duckdb
base = duckdb.connect()
base.execute(open(sys.argv[1]).read().replace("INSTALL icu;", ""))
for (name,) in base.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1").fetchall():
    types = {row[0]: row[1] for row in base.execute(f'DESCRIBE "{name}"').fetchall()}
    # An instant as a Python value would need another package.
    told = ", ".join(f"epoch_us({column})" if kind.endswith("ZONE") else column for column, kind in types.items())
    rows = [dict(zip(types, row)) for row in base.execute(f'SELECT {told} FROM "{name}"').fetchall()]
    comment = base.execute("SELECT comment FROM duckdb_views() WHERE view_name = ?", [name]).fetchone()[0]
    print(json.dumps({"name": name, "types": types, "comment": comment, "rows": rows}, default=lambda value: value.isoformat()))
"""


def answers(file: Path) -> dict[str, dict[str, Any]]:
    """What DuckDB says of each view of a file."""
    python = environment_folder() / "bin/python"
    if not python.exists():
        pytest.skip("the emulators' environment, which has DuckDB, is not there")
    done = subprocess.run([str(python), "-c", PROGRAM, str(file)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]
    return {told["name"]: told for told in map(json.loads, done.stdout.splitlines())}


def door(folder: Path) -> Path:
    """The file that the command prints for a folder."""
    done = subprocess.run([sys.executable, "-m", "collector.duckdb_door", str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (folder / "gb.sql").write_text(done.stdout)
    return folder / "gb.sql"


def plain(value: Any, kind: str) -> Any:
    """One spelling of a value from either side."""
    if value is None:
        return None
    if kind == "TIMESTAMP":
        return value if isinstance(value, int) else round(value.timestamp() * 1_000_000)
    if kind == "DATE":
        return date.fromisoformat(value) if isinstance(value, str) else value
    return json.dumps(json.loads(value) if isinstance(value, str) else value, sort_keys=True) if kind == "JSON" else value


@pytest.mark.emulators
@pytest.mark.long
def test_the_same_rows_as_in_the_tables(place: Place, tmp_path: Path) -> None:
    place.api.set(now="2024-12-01T12:00:00Z")
    folder = tmp_path / "it's a bucket"
    for day in DAYS:
        which = ("--datasets", *KEYS, "--start-date", day, "--end-date", day)
        place.download(*which)
        place.load(*which)
    for name, blob in place.objects().items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(blob.download_as_bytes(raw_download=True))
    told = answers(door(folder))
    assert set(told) == {REGISTRY[key].table for key in KEYS}
    filled = 0
    for key in KEYS:
        dataset, view = REGISTRY[key], told[REGISTRY[key].table]
        assert view["types"] == {c.name: TYPES[c.type] for c in dataset.columns}
        assert view["comment"] == f"{dataset.title}. {dataset.description}."
        rows = [sorted(repr([plain(row[c.name], c.type) for c in dataset.columns]) for row in rows) for rows in (view["rows"], place.rows(key))]
        assert rows[0] == rows[1], key
        filled += bool(rows[0])
    assert filled >= len(KEYS) - 2


def test_repetitions_revisions_and_what_is_no_value(tmp_path: Path) -> None:
    """As the loader keeps one row of a key: the newest version, of one version the greatest line."""

    def line(number: int, flag: str, level: Any) -> str:
        return json.dumps({"timeFrom": "2024-06-01T10:00:00Z", "nationalGridBmUnit": "U", "bmUnit": None, "acceptanceNumber": number, "amendmentFlag": flag, "levelFrom": level})

    lines = [line(1, "ORI", 5), line(1, "UPD", 6), line(1, "ORI", 7), line(2, "ORI", 1), line(2, "ORI", 3), line(3, "DEL", "x"), line(4, "ORI", 12.5), line(5, "ORI", "8"), "no JSON", "{}"]
    folder = tmp_path / "raw/bid_offer_acceptances/2024/06"
    folder.mkdir(parents=True)
    (folder / "bid_offer_acceptances_2024-06-01.ndjson.gz").write_bytes(igzip.compress("\n".join([*lines, ""]).encode()))
    (folder / "bid_offer_acceptances_2024-06-02.ndjson.gz").write_bytes(igzip.compress(b""))
    rows = answers(door(tmp_path))["elexon_bid_offer_acceptances"]["rows"]
    assert {(row["acceptance_number"], row["amendment_flag"], row["level_from"]) for row in rows} == {(1, "UPD", 6), (2, "ORI", 3), (3, "DEL", None), (4, "ORI", None), (5, "ORI", 8)}
    assert {(row["settlement_date"], row["settlement_period"]) for row in rows} == {("2024-06-01", 23)}


def test_a_folder_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], [str(tmp_path)], [str(tmp_path), "more"]):
        assert main(arguments) == 2
    assert "usage: " in capsys.readouterr().err
