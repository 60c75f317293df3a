"""A verification in words and in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from collector.base.gb_calendar import utc_text
from collector.base.process import log
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import printable
from collector.days import State, spans
from collector.verify.verification import LOSSES, MEANINGS, SCHEMA_VERSION, Verification

# So many runs of days, and of the things that days lack, are told in words.
_TOLD = 10
_ALL = "--report FILE.html shows them all"
# What of the table a narrow screen leaves out, in this order.
_SPARE = (
    "FIRST DAY",
    "LAST DAY",
    "ROWS STORED",
    "STORED",
    "PROVISIONAL",
    "EMPTY",
    "SHORT",
    "ROWS IN TABLE",
    "MISSING",
    "EXPECTED",
)


def verification_text(found: list[Verification], screen: Screen = EVERYTHING) -> str:
    """The verification as a table, with the days that are not right, and what looks odd, below it."""
    rows: list[tuple[str, ...]] = [
        ("DATASET", "EXPECTED", "STORED", "LOADED", "MISSING", "SHORT", "EMPTY", "PROVISIONAL", "ROWS STORED", "ROWS IN TABLE",
         "FIRST DAY", "LAST DAY", "RESULT")
    ]  # fmt: skip
    for v in found:
        rows.append((
            v.dataset.key, str(v.expected), str(v.stored), str(v.loaded), str(len(v.missing)), str(len(v.of(State.SHORT))), str(len(v.of(State.EMPTY))),
            str(v.provisional), f"{v.rows_stored:,}", f"{v.rows_loaded:,}", str(v.first or "-"), str(v.last or "-"), "ok" if v.ok else "NOT OK",
        ))  # fmt: skip
    lines: list[str] = []
    for v in found:
        key = v.dataset.key
        lines += [line for _, line in _gaps(v)]
        if v.duplicates:
            lines.append(
                f"{key}: {v.duplicates} rows of the objects are repetitions or superseded; {v.conflicts} keys conflict"
            )
        lines += [printable(f"{key}: {finding}") for finding in v.findings]
        lines += [f"{key}: {note}" for note in (*v.alarms, v.unasked, v.error) if note]
    return "\n".join((screen.table(rows, frozenset(range(1, 10)), _SPARE), *map(screen.prose, lines)))


def verification_json(found: Sequence[Verification], first: date, last: date, now: datetime) -> dict[str, Any]:
    """The verification of the days from first to last, made at `now` (aware UTC), for machines: see docs/schema.md."""
    return {
        "schema_version": SCHEMA_VERSION, "verified_at": utc_text(now), "first_day": first.isoformat(), "last_day": last.isoformat(),
        "ok": all(v.ok for v in found), "datasets": [v.as_json() for v in found],
    }  # fmt: skip


def _gaps(v: Verification) -> list[tuple[State, str]]:
    """The days that are not as they should be, by state, with what each state means and what mends it; then what they
    lack."""
    found = [
        (state, f"{v.dataset.key}: {state.value}: {_ranges(of_state)} ({why})") for state, why in MEANINGS.items() if (of_state := v.of(state))
    ]  # fmt: skip
    worst = min((state for state, _ in found), key=list(State).index, default=State.SHORT)
    found += [(worst, f"{v.dataset.key}: to mend it: {command}") for command in v.commands]
    verdicts = v.verdicts
    found += [
        (State.SHORT, printable(f"{v.dataset.key}: {day}: {lack.kind.value}: {lack}")) for day, lack in verdicts[:_TOLD]
    ]  # fmt: skip
    if len(verdicts) > _TOLD:
        found.append((State.SHORT, f"{v.dataset.key}: and {len(verdicts) - _TOLD} more of the like: {_ALL}"))
    return found


def _ranges(of_state: Sequence[date]) -> str:
    """Days as runs by their ends, no more than a reader takes in."""
    runs = list(map(str, spans(of_state, len(of_state) + 1, False)))
    more = len(runs) - _TOLD
    return ", ".join(runs[:_TOLD]) + (f" and {more} more ({len(of_state):,} days in all): {_ALL}" if more > 0 else "")


def log_gaps(found: list[Verification]) -> None:
    """Tell the same in the log: losses as errors, what the source itself lacks as information."""
    for v in found:
        for state, line in _gaps(v):
            (log.error if state in LOSSES else log.info)("%s", line)
        for note in filter(None, (*v.alarms, v.error)):
            log.error("%s: %s", v.dataset.key, note)


def log_findings(found: list[Verification]) -> None:
    """Tell the findings in the log: what is ordinary as information, the rest as warnings."""
    for v in found:
        for finding in v.findings:
            (log.warning if finding.is_warning else log.info)("%s: %s", v.dataset.key, finding)
