"""The loader's own CPU and memory while objects load, its workers, and the cost of a run with nothing to do."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone
from typing import Any

from benchmarks.lab import DOWNLOADER, LOADER, PROJECT, ROOT, Lab, Row, median, process, side_by_side
from collector.base.gb_calendar import ONE_DAY, day_start
from collector.settlement_runs import runs_due
from collector.storage.day_objects import PAGE, DayStore
from collector.storage.payload import pack
from collector.storage.profile import Profile, encode
from collector.warehouse.layout import LEDGER, LEDGER_SCHEMA, ledger_table, table_of
from datasets_config import DEFAULT_DATASETS, REGISTRY

FIRST, KEY = date(2021, 1, 1), "generation_outturn"


def _days(count: int, key: str = KEY) -> list[str]:
    return ["--datasets", key, "--start-date", str(FIRST), "--end-date", str(FIRST + timedelta(count - 1))]


def loader(lab: Lab) -> list[Row]:
    """(d) The loader's own CPU and memory: by the number of objects, and by what is in them."""
    counts = (2, 4) if lab.quick else (10, 100, 1_000)
    rounds = min(lab.rounds, 3)
    rows = []
    place = lab.place()
    lab.run(DOWNLOADER, _days(max(counts)), place)
    cpus, peaks = [], []
    for count in counts:
        rans = [lab.run(LOADER, [*_days(count), "--force"], place) for _ in range(rounds)]
        cpus.append(median([ran.cpu for ran in rans]))
        peaks.append(median([ran.peak for ran in rans]))
        rows.append(
            Row(
                "loader",
                f"{count} objects of 960 rows",
                f"CPU {cpus[-1]:.2f} s, peak {peaks[-1]:.0f} MB, requests {sum(rans[-1].told['requests'].values())}",
            )
        )
    each = (cpus[-1] - cpus[0]) / (counts[-1] - counts[0])
    rows.append(
        Row(
            "loader",
            "own CPU for each further object (its listing, its ledger entry)",
            f"{each * 1e3:.2f} ms",
            "<= 2 ms",
            each <= 0.002,
        )
    )
    rows.append(
        Row(
            "loader",
            f"memory of {counts[-1]} objects less that of {counts[0]} (ledger entries; a batch has at most 1,000)",
            f"{peaks[-1] - peaks[0]:.0f} MB",
            "<= 50 MB",
            peaks[-1] - peaks[0] <= 50,
        )
    )
    few = 2 if lab.quick else 60
    used = {}
    for key in ("demand_outturn", "frequency"):
        lab.run(DOWNLOADER, _days(few, key), place)
        rans = [lab.run(LOADER, [*_days(few, key), "--force"], place) for _ in range(rounds)]
        used[key] = median([ran.cpu for ran in rans]), median([ran.peak for ran in rans])
    (cpu_small, small), (cpu_large, large) = used["demand_outturn"], used["frequency"]
    rows.append(
        Row(
            "loader",
            f"memory: {few} objects of 5,760 rows / of 48 rows",
            f"{large / small:.2f}",
            "<= 1.1",
            large / small <= 1.1,
        )
    )
    # The difference is looking whether the longer jobs are done.
    rows.append(
        Row("loader", f"own CPU: {few} objects of 5,760 rows; of 48 rows", f"{cpu_large:.2f} s; {cpu_small:.2f} s")
    )
    return rows


def workers(lab: Lab) -> list[Row]:
    """Load jobs in parallel: 160 days in 8 batches with 1, 2, 4, 8 workers."""
    count, batch = (4, 2) if lab.quick else (160, 20)
    place = lab.place()
    lab.run(DOWNLOADER, _days(count), place)
    ways = {
        f"workers_{n}": (
            lambda n=n: lab.run(
                LOADER,
                [*_days(count), "--force", "--max-workers", str(n)],
                place,
                options=[f"--set=collector.warehouse.load.BATCH_DAYS={batch}"],
            )
        )
        for n in (1, 2, 4, 8)
    }
    found = side_by_side(min(lab.rounds, 3), **ways)
    return [
        Row(
            "workers",
            f"{count} days in {-(-count // batch)} batches, {name.replace('_', ' ')}",
            f"{median([sum(r.told['seconds'].values()) for r in rans]):.1f} s",
        )
        for name, rans in found.items()
    ]


def rerun(lab: Lab) -> list[Row]:
    """(e) Nothing to do over ten years of eleven datasets: requests and seconds, beside the bare listing."""
    first, last = (date(2025, 12, 20), date(2025, 12, 31)) if lab.quick else (date(2016, 1, 1), date(2025, 12, 31))
    place = lab.place()
    stored = fill(place, first, last, datetime.now(timezone.utc))
    arguments = ["--start-date", str(first), "--end-date", str(last)]
    lister = [
        sys.executable,
        ROOT / "benchmarks/listing.py",
        place["BMRS_BUCKET"],
        str(first),
        str(last),
        *DEFAULT_DATASETS,
    ]
    found = side_by_side(
        min(lab.rounds, 5),
        listing=lambda: process(lister, place),
        download=lambda: lab.run(DOWNLOADER, arguments, place),
        load=lambda: lab.run(LOADER, arguments, place),
    )
    bare = json.loads(found["listing"][-1].out)
    listing = median([json.loads(ran.out)["seconds"] for ran in found["listing"]])
    rows = [
        Row(
            "rerun",
            f"bare listing of {stored} days, pages of {PAGE:,}",
            f"{listing:.2f} s, {bare['requests']} requests, process {median([r.wall for r in found['listing']]):.2f} s",
        )
    ]
    for name in ("download", "load"):
        rans = found[name]
        seconds = median([sum(ran.told["seconds"].values()) for ran in rans])
        requests = rans[-1].told["requests"]
        storage, bigquery = (
            requests.get(url.rpartition("/")[2], 0)
            for url in (place["STORAGE_EMULATOR_HOST"], place["BIGQUERY_EMULATOR_HOST"])
        )
        rows += [
            Row(
                "rerun",
                f"{name}er: run, process, CPU",
                f"{seconds:.2f} s, {median([r.wall for r in rans]):.2f} s, {median([r.cpu for r in rans]):.2f} s",
            ),
            Row("rerun", f"{name}er: run / bare listing", f"{seconds / listing:.2f}", "< 2", seconds / listing < 2),
            Row(
                "rerun",
                f"{name}er: requests to Cloud Storage",
                f"{storage}",
                f"{bare['requests'] + 1} (listing, bucket)",
                storage <= bare["requests"] + 1,
            ),
        ]
        if name == "load":
            rows.append(Row("rerun", "loader: requests to BigQuery", f"{bigquery}", "1 query a dataset"))
    return rows


def fill(
    place: dict[str, str], first: date, last: date, fetched: datetime, keys: Sequence[str] = DEFAULT_DATASETS
) -> int:
    """Store and enter into the ledger every day, with little in it but the metadata of a day that is whole and was last
    read at `fetched`. The tables are empty, and the ledger says so: verification finds all in order."""
    from google.cloud import bigquery, storage
    from google.oauth2.credentials import Credentials

    credentials, project = Credentials(place["LOCAL_CLOUD_TOKEN"]), place.get("BMRS_PROJECT", PROJECT)
    client = storage.Client(project, credentials, client_options={"api_endpoint": place["STORAGE_EMULATOR_HOST"]})
    from requests.adapters import HTTPAdapter

    client._http.mount("http://", HTTPAdapter(pool_maxsize=16))
    store = DayStore(client.bucket(place["BMRS_BUCKET"]))
    tables = bigquery.Client(project, credentials, client_options={"api_endpoint": place["BIGQUERY_EMULATOR_HOST"]})
    home = f"{project}.{place['BMRS_DATASET']}"
    tables.create_table(ledger_table(f"{home}.{LEDGER}"))
    work, entries = [], []
    for key in keys:
        dataset = REGISTRY[key]
        created = tables.create_table(table_of(dataset, f"{home}.{dataset.table}")).created
        names = sorted(dataset.source_fields)
        for number in range((last - max(first, dataset.first_day)).days + 1):
            day = max(first, dataset.first_day) + timedelta(number)
            # Of a settlement day the runs that had come; nothing that a later answer could have less of.
            came = (
                [run for run, due in runs_due(day) if day_start(due) + ONE_DAY <= fetched]
                if dataset.settlement_runs
                else []
            )
            profile = encode(Profile(1, runs={came[-1]: 1} if came else {}))
            payload = pack([[f'{{"{key}":"{day}"}}'.encode()]], names, fetched, f"{day}", False, profile)
            rows = dataset.rows_per_day
            payload.metadata["rows"] = str(rows)
            work.append((dataset, day, payload))
            entries.append({
                "dataset": key, "settlement_date": str(day), "object": "o", "generation": 1, "identity": payload.sha256,
                "object_rows": rows, "table_rows": 0, "conflicts": 0, "fetched_at": fetched.isoformat(), "loaded_at": fetched.isoformat(),
                "table_created": created.isoformat(),
            })  # fmt: skip
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda one: store.put(one[0], one[1], one[2], None), work))
    config = bigquery.LoadJobConfig(schema=LEDGER_SCHEMA, source_format="NEWLINE_DELIMITED_JSON")
    blob = store.bucket.blob("ledger.json")
    blob.upload_from_string("\n".join(map(json.dumps, entries)))
    job: Any = tables.load_table_from_uri(
        f"gs://{place['BMRS_BUCKET']}/ledger.json", f"{home}.{LEDGER}", job_config=config
    )
    while not job.done():
        time.sleep(0.1)
    job.result()
    return len(work)
