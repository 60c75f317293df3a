"""The coverage report: a verification as one self-contained HTML page, with a calendar of every day.

The page is report.html with the data put in as JSON; its script draws everything from that and puts no data
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
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from collector.base.gb_calendar import ONE_DAY, settlement_day, utc_now, utc_text
from collector.base.outcomes import OK, Outcome
from collector.base.text import named, printable, ranges
from collector.days import State, days_text
from collector.settings import Settings
from collector.verify.changes import NEW, REPAIRED, RESTATED, WORSE, Last, path_beside
from collector.verify.remedies import Commands
from collector.verify.verification import LOSSES, Day, Verification

TEMPLATE = Path(__file__).with_suffix(".html")
# As many stretches of days as a reader looks through; the calendars show them all.
_WORST = 20
# So many of the series that lack something are named of a day.
_NAMED = 12
_FINE = frozenset({State.COMPLETE, State.PROVISIONAL, State.BEFORE})


@dataclass(frozen=True)
class Run:
    """What a verification does not know of the run that it ends: the settlement days that were asked for, when it began to
    look and how many seconds that took, how its reader starts the programs. outcomes: of a run of the deploy script, what
    became of each dataset; reasons: why one failed, by its logs."""

    first: date
    last: date
    began: datetime
    seconds: float
    commands: Commands
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def is_ok(self, v: Verification) -> bool:
        """Whether a dataset is as it should be, and the run has failed in nothing about it."""
        outcome = self.outcomes.get(v.dataset.key)
        return v.ok and (outcome is None or outcome.status == OK)

    def cause(self, v: Verification) -> str:
        """Why a dataset is not right, the run's reason first; of one that is, why its source was not asked."""
        outcome, reason = self.outcomes.get(v.dataset.key), self.reasons.get(v.dataset.key, "")
        failed = outcome.status if outcome and outcome.status != OK else ""
        counts = {} if v.ok else v.states
        lost = [
            f"{counts[state.value]:,} {state.value}" for state in State if state in LOSSES and state.value in counts
        ]
        days = f"{', '.join(lost)}; the first day is {v.of(*LOSSES)[0]}" if lost else ""
        run = f"{failed}: {reason}" if failed and reason else failed or reason
        return printable("; ".join(filter(None, (run, v.error, *v.alarms, days, v.unasked))))


def write_report(path: Path, found: Sequence[Verification], settings: Settings, run: Run) -> None:
    """Write the page, and beside it what the next one compares itself with; a reader sees the earlier file or the whole
    new one. Raises OSError, with the file's name."""
    beside = path_beside(path)
    last = Last.read(beside)
    _write(path, page(report_data(found, settings, run, last)))
    if last.is_ours:
        _write(beside, last.text(_place(settings), found, run.began))


def _place(settings: Settings) -> str:
    where = "emulators" if settings.emulator("BIGQUERY") else "Google Cloud"
    stand_in = "" if settings.values["ELEXON_BASE_URL"].startswith("https:") else ", stand-in"
    return f"{settings.project}.{settings.dataset_id} gs://{settings.bucket} ({where}{stand_in})"


def _write(path: Path, text: str) -> None:
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


def report_data(found: Sequence[Verification], settings: Settings, run: Run, last: Last) -> dict[str, Any]:
    """What the page shows."""
    emulator, source = settings.emulator("BIGQUERY"), settings.values["ELEXON_BASE_URL"]
    made, place = utc_now(), _place(settings)
    lost = [days[0] for v in found if (days := v.of(*LOSSES))]
    changed = {v.dataset.key: last.changes(place, v) for v in found}
    return {
        "made": utc_text(made), "seconds": round(run.seconds, 1), "ok": all(map(run.is_ok, found)),
        "asked": [run.first.isoformat(), run.last.isoformat()], "is_current": run.last >= settlement_day(made),
        "target": f"{settings.project}.{settings.dataset_id}", "bucket": settings.bucket,
        "where": f"emulators on this machine ({emulator})" if emulator else "Google Cloud",
        # Only on this machine is an address without encryption allowed: a stand-in, as in the demonstration.
        "stand_in": "" if source.startswith("https:") else source,
        "first_lost": min(lost).isoformat() if lost else None, "commands": run.commands.to_mend(found),
        "since": utc_text(last.seen[place]) if place in last.seen else None,
        "changed": {kind: sum(len(days.get(kind, ())) for days in changed.values()) for kind in (NEW, REPAIRED, RESTATED, WORSE)},
        "states": [state.value for state in State],
        "datasets": [_dataset(v, run, changed[v.dataset.key]) for v in found],
        "timings": [[key, *outcome.seconds] for key, outcome in run.outcomes.items()],
        **_worst(found),
    }  # fmt: skip


def _dataset(v: Verification, run: Run, changed: Mapping[str, Sequence[date]]) -> dict[str, Any]:
    """One dataset: its days from `first` on without a gap; counts as runs of equal values."""
    order = list(State)
    by_day = {day.day: day for day in v.days}
    first, last = (min(by_day), max(by_day)) if by_day else (None, None)
    days = [by_day.get(first + n * ONE_DAY) for n in range((last - first).days + 1)] if first and last else []
    lacks = [_lacks(day) if day else None for day in days]
    distinct = list(dict.fromkeys(filter(None, lacks)))
    number = {told: n for n, told in enumerate(distinct)}
    # What has ended is not late.
    is_late = bool(v.days) and v.days[-1].day < run.last and not v.dataset.last_day
    return {
        "key": v.dataset.key, "code": v.dataset.code, "title": v.dataset.title, "group": v.dataset.group,
        "about": v.dataset.description, "table": v.dataset.table,
        "ok": run.is_ok(v), "cause": run.cause(v), "commands": run.commands.to_mend([v]),
        "note": f"published so far to {v.days[-1].day}" if is_late else "",
        "changes": {kind: days_text(days) for kind, days in changed.items()},
        "seconds": round(v.seconds, 2), "counts": v.states,
        "expected_days": v.expected, "rows": v.rows_loaded, "rows_stored": v.rows_stored, "bytes": v.bytes_stored,
        "newest": v.last.isoformat() if v.last else None, "fetched": utc_text(v.fetched) if v.fetched else None,
        "first": first.isoformat() if first else None,
        "state": runs(order.index(day.state) if day else None for day in days),
        "expected": runs(day.expected if day else None for day in days),
        "stored": runs(day.stored if day else None for day in days),
        "loaded": runs(day.loaded if day else None for day in days),
        "source": runs(day.source if day else None for day in days),
        "lacks": distinct, "lack": runs(number.get(told) if told else None for told in lacks),
        "months": [[month, rows, size] for month, (rows, size) in sorted(v.months.items())],
        "findings": [finding.as_json() for finding in v.findings],
    }  # fmt: skip


def _lacks(day: Day) -> tuple[tuple[Any, ...], ...] | None:
    """[kind, how many, settlement periods, series, about] of each thing that a day lacks."""
    if day.state is State.PROVISIONAL:
        return None
    return tuple(
        (lack.kind.value, lack.count, lack.half_hours, named(lack.series, _NAMED), "" if lack.series else lack.about) for lack in day.lacks
    ) or None  # fmt: skip


def runs(values: Iterable[int | None]) -> list[list[int | None]]:
    """[value, how many times in a row] for each run of equal values."""
    return [[value, sum(1 for _ in group)] for value, group in groupby(values)]


def _worst(found: Sequence[Verification]) -> dict[str, Any]:
    """The worst stretches of days first: what is lost on our side before what the source lacks, then by how many days'
    worth of rows is lacking. Those over the same days in several datasets are one: an outage."""
    outages: dict[tuple[bool, date, date], list[tuple[Verification, State, list[Day]]]] = {}
    for v in found:
        for state, days in _stretches([day for day in v.days if day.state not in _FINE]):
            outages.setdefault((state not in LOSSES, days[0].day, days[-1].day), []).append((v, state, days))
    order = list(State)
    told: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for (is_source, first, last), parts in outages.items():
        lacking = [
            max(0, sum(_wanted(day, v.dataset.rows_per_day) - day.loaded for day in days)) for v, _, days in parts
        ]
        worth = sum(rows / v.dataset.rows_per_day for rows, (v, _, _) in zip(lacking, parts, strict=True))
        worst = min(order.index(state) for _, state, _ in parts)
        periods = {period for _, _, days in parts for lack in days[0].lacks for period in lack.periods}
        told.append(((is_source, -worth, worst, first), {
            "datasets": [v.dataset.key for v, _, _ in parts], "state": worst, "first": first.isoformat(), "last": last.isoformat(),
            "days": (last - first).days + 1, "lacking": sum(lacking),
            "half_hours": named(ranges(sorted(periods))) if first == last else "",
            "estimated": any(day.expected is None and day.source is None for _, _, days in parts for day in days),
        }))  # fmt: skip
    told.sort(key=lambda entry: entry[0])
    return {"worst": [entry for _rank, entry in told[:_WORST]], "worst_more": max(0, len(told) - _WORST)}


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
