"""The coverage report: a verification as one self-contained HTML page, with a calendar of every day.

The page is coverage_report.html with the data put in as JSON; its script draws everything from that and puts no data
into markup. A policy in the page allows no script but that one and no request to anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.base.gb_calendar import ONE_DAY, utc_now, utc_text
from collector.days import State
from collector.settings import Settings
from collector.verify.verification import LOSSES, Day, Verification

if TYPE_CHECKING:
    from collector.days import State

TEMPLATE = Path(__file__).with_suffix(".html")
# As many stretches of days as a reader looks through; the calendars show them all.
_WORST = 20


def write_report(
    path: Path, found: Sequence[Verification], settings: Settings, seconds: float, timings: Mapping[str, Sequence[int]]
) -> None:
    """Write the page; a reader sees the earlier file or the whole new one. Raises OSError, with the file's name.

    seconds: what the verification took. timings: of a run that ends with this page, dataset key -> seconds of its
    download, load and check.
    """
    text = page(report_data(found, settings, seconds, timings))
    handle, scratch = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        mask = os.umask(0)  # it can only be read by setting it
        os.umask(mask)
        Path(scratch).chmod(0o666 & ~mask)
        Path(scratch).replace(path)
    except BaseException as error:
        Path(scratch).unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, os.fspath(path)) from None
        raise


def page(data: dict[str, Any]) -> str:
    """The HTML page of some report data."""
    template = TEMPLATE.read_text(encoding="utf-8")
    # < and its kin are escaped so that no text in the data can end the element that it stands in.
    embedded = json.dumps(data, separators=(",", ":")).translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})
    style, script = (_digest(template, name) for name in ("style", "script"))
    policy = f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    return template.replace("{{policy}}", policy).replace("{{data}}", embedded)


def _digest(template: str, name: str) -> str:
    """What a content security policy calls the template's one <style> or <script>."""
    (content,) = re.findall(rf"<{name}>(.*?)</{name}>", template, re.S)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def report_data(
    found: Sequence[Verification], settings: Settings, seconds: float, timings: Mapping[str, Sequence[int]]
) -> dict[str, Any]:
    """What the page shows; see write_report."""
    emulator, source = settings.emulator("BIGQUERY"), settings.values["ELEXON_BASE_URL"]
    return {
        "made": utc_text(utc_now()), "seconds": round(seconds, 1), "ok": all(v.ok for v in found),
        "target": f"{settings.project}.{settings.dataset_id}", "bucket": settings.bucket,
        "where": f"emulators on this machine ({emulator})" if emulator else "Google Cloud",
        # Only on this machine is an address without encryption allowed: a stand-in, as in the demonstration.
        "stand_in": "" if source.startswith("https:") else source,
        "states": [state.value for state in State],
        "datasets": [_dataset(v) for v in found],
        "timings": [[key, *steps] for key, steps in timings.items()],
        **_worst(found),
    }  # fmt: skip


def _dataset(v: Verification) -> dict[str, Any]:
    """One dataset: its days from `first` on without a gap; counts as runs of equal values."""
    order = list(State)
    by_day = {day.day: day for day in v.days}
    first, last = (min(by_day), max(by_day)) if by_day else (None, None)
    days = [by_day.get(first + n * ONE_DAY) for n in range((last - first).days + 1)] if first and last else []
    complete = v.of(State.COMPLETE)
    return {
        "key": v.dataset.key, "title": v.dataset.title, "about": v.dataset.description, "table": v.dataset.table,
        "ok": v.ok, "error": v.error, "seconds": round(v.seconds, 2), "counts": v.states,
        "expected_days": v.expected, "rows": v.rows_loaded, "rows_stored": v.rows_stored, "bytes": v.bytes_stored,
        "newest": v.last.isoformat() if v.last else None, "fetched": utc_text(v.fetched) if v.fetched else None,
        "first": first.isoformat() if first else None, "complete_to": complete[-1].isoformat() if complete else None,
        "state": runs(order.index(day.state) if day else None for day in days),
        "expected": runs(day.expected if day else None for day in days),
        "stored": runs(day.stored if day else None for day in days),
        "loaded": runs(day.loaded if day else None for day in days),
        "source": runs(day.source if day else None for day in days),
        "months": [[month, rows, size] for month, (rows, size) in sorted(v.months.items())],
        "findings": [finding.as_json() for finding in v.findings],
    }  # fmt: skip


def runs(values: Iterable[int | None]) -> list[list[int | None]]:
    """[value, how many times in a row] for each run of equal values."""
    return [[value, sum(1 for _ in group)] for value, group in groupby(values)]


def _worst(found: Sequence[Verification]) -> dict[str, Any]:
    """The worst stretches of days first: what is lost on our side before what the source lacks, then by how many days'
    worth of rows is lacking."""
    fine = (State.COMPLETE, State.PROVISIONAL, State.BEFORE)
    order = list(State)
    stretches: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for v in found:
        usual = v.dataset.rows_per_day
        for state, days in _stretches([day for day in v.days if day.state not in fine]):
            lacking = max(0, sum(_wanted(day, usual) - day.loaded for day in days))
            rank = (state not in LOSSES, -lacking / usual, order.index(state), -len(days), days[0].day)
            stretches.append((rank, {
                "dataset": v.dataset.key, "state": order.index(state), "first": days[0].day.isoformat(),
                "last": days[-1].day.isoformat(), "days": len(days), "lacking": lacking,
                "estimated": any(day.expected is None and day.source is None for day in days),
            }))  # fmt: skip
    stretches.sort(key=lambda entry: entry[0])
    return {"worst": [entry for _rank, entry in stretches[:_WORST]], "worst_more": max(0, len(stretches) - _WORST)}


def _wanted(day: Day, usual: int) -> int:
    """Rows that the day should have as far as is known: by the calendar, else the source, else what is usual."""
    return next(n for n in (day.expected, day.source, day.stored, usual) if n is not None)


def _stretches(days: Sequence[Day]) -> Iterable[tuple[State, list[Day]]]:
    """Consecutive days of one state; a short day stands alone, for each lacks its own rows."""
    stretch: list[Day] = []
    for day in days:
        follows = stretch and day.day == stretch[-1].day + ONE_DAY and day.state is stretch[-1].state
        if stretch and not (follows and day.state is not State.SHORT):
            yield stretch[0].state, stretch
            stretch = []
        stretch.append(day)
    if stretch:
        yield stretch[0].state, stretch
