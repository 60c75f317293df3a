"""A verification in words and in the log."""

from __future__ import annotations

from collector.base.process import log
from collector.base.screen import EVERYTHING, Screen
from collector.base.text import printable
from collector.days import State, days_text
from collector.verify.verification import LOSSES, MEANINGS, Verification

# So many of the things that days lack are told in words.
_TOLD = 10
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
        ("DATASET", "EXPECTED", "STORED", "LOADED", "MISSING", "SHORT", "EMPTY", "PROVISIONAL", "ROWS STORED", "ROWS IN TABLE", "FIRST DAY", "LAST DAY", "RESULT")
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


def _gaps(v: Verification) -> list[tuple[State, str]]:
    """The days that are not as they should be, by state, with what each state means and what mends it; then what they
    lack."""
    found = [
        (state, f"{v.dataset.key}: {state.value}: {days_text(of_state)} ({why})") for state, why in MEANINGS.items() if (of_state := v.of(state))
    ]  # fmt: skip
    verdicts = v.verdicts
    found += [
        (State.SHORT, printable(f"{v.dataset.key}: {day}: {lack.kind.value}: {lack}")) for day, lack in verdicts[:_TOLD]
    ]  # fmt: skip
    if len(verdicts) > _TOLD:
        found.append(
            (
                State.SHORT,
                f"{v.dataset.key}: and {len(verdicts) - _TOLD} more of the like; --verify --output json has them all",
            )
        )
    return found


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
