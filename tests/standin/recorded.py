"""Recorded data: what stands in a response body or a file, as slots."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

from standin.calendar import HALF_HOUR, day_start, half_hours, iso, parse_day, parse_instant, settlement
from standin.codes import KNOWN
from standin.datasets import Slot

Row = dict[str, Any] | bytes | str  # bytes and text are served as they are, a dict as compact JSON


def split_records(body: bytes) -> list[bytes]:
    """The records of a JSON body as their own bytes: a bare array, or the `data` array of an envelope."""
    text = body.decode()
    found = re.match(r"\s*\[", text) or re.search(r'"data"\s*:\s*\[', text)
    if not found:
        raise ValueError("no array of records in this body")
    decoder, position = json.JSONDecoder(), found.end()
    records: list[bytes] = []
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return records
        _, end = decoder.raw_decode(text, position)
        records.append(text[position:end].encode())
        position = end


def as_bytes(row: Row) -> bytes:
    """A row as it is to be served: bytes and text as they are, a dict as compact JSON."""
    if isinstance(row, dict):
        row = json.dumps(row, separators=(",", ":"), ensure_ascii=False)
    return row.encode() if isinstance(row, str) else row


def record_slot(code: str, row: Row) -> Slot:
    """A recorded row in its slot: instants and labels as the row itself tells them."""
    spec = KNOWN[code]
    record = row if isinstance(row, dict) else json.loads(row, strict=False)
    period = record.get("settlementPeriod") or record.get("settlementPeriodFrom") or 0
    label = parse_day(record["settlementDate"]) if record.get("settlementDate") else None
    told = str(record[spec.instant])
    if spec.told_as in ("end", "zoneless"):
        at = parse_instant(told + "Z") - HALF_HOUR * (spec.told_as == "end")
    elif spec.told_as == "date":
        at = day_start(parse_day(told)) + (max(period, 1) - 1) * HALF_HOUR
    else:
        at = parse_instant(told)
    stamp = None if spec.published else record.get("publishTime")
    publish = parse_instant(stamp) if stamp else at + spec.published
    return Slot(
        at, publish, settlement(at)[0] if label is None else label, period or settlement(at)[1], 0, [as_bytes(row)]
    )


def replay_csv(path: str | Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(FUELHH rows, demand rows) as the API would serve them, out of a wide CSV of gb-grid-margin.

    FUELHH keeps the labels as served, defect included. INDO and ITSDO were joined on those labels, and
    demand's own labels are right: so each demand value goes to the half hour that its label names, not to the
    CSV's start. A label that names no half hour (period 48 of a 46-period day) has no demand row.
    """
    fuel_rows: list[dict[str, Any]] = []
    demand_rows: list[dict[str, Any]] = []
    with Path(path).open(newline="", encoding="utf-8") as lines:
        for line in csv.DictReader(lines):
            label, period = line["settlement_date"], int(line["settlement_period"])
            start = parse_instant(line["period_start_utc"])
            for name, cell in line.items():
                if name.isupper() and name not in ("INDO", "ITSDO") and cell != "":
                    fuel_rows.append(
                        {
                            "dataset": "FUELHH",
                            "publishTime": iso(start + HALF_HOUR),
                            "startTime": iso(start),
                            "settlementDate": label,
                            "settlementPeriod": period,
                            "fuelType": name,
                            "generation": json.loads(cell),
                        }
                    )
            starts = half_hours(parse_day(label))
            if period <= len(starts):
                begins = starts[period - 1]
                demand_rows.append(
                    {
                        "publishTime": iso(begins + HALF_HOUR),
                        "startTime": iso(begins),
                        "settlementDate": label,
                        "settlementPeriod": period,
                        "initialDemandOutturn": json.loads(line["INDO"] or "null"),
                        "initialTransmissionSystemDemandOutturn": json.loads(line["ITSDO"] or "null"),
                    }
                )
    return fuel_rows, demand_rows
