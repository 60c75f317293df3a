"""What has changed since the last coverage report: its states are kept beside the page, in NAME.last.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from collector.base.gb_calendar import ONE_DAY, day_end, days_between, parse_utc, utc_text
from collector.base.process import log
from collector.days import State
from collector.verify.verification import LOSSES, Day, Verification

SCHEMA_VERSION = 1
NEW, REPAIRED, RESTATED, WORSE = "new", "repaired", "restated", "worse"
_GAPS = frozenset({State.EMPTY, State.SHORT})
States = dict[date, State]


def path_beside(page: Path) -> Path:
    """Where the states of a page are kept: pages that differ by the time in their names share one file. Of a name that is
    as long as names may be (255 bytes), the beginning."""
    name = re.sub(r"_\d{8}_\d{6}$", "", page.stem).encode()[:240].decode(errors="ignore")
    return page.with_name(f"{name}.last.json")


@dataclass
class Last:
    """What the last pages of a folder told, by place (project, dataset, bucket) and dataset; seen: when each place was
    last looked at (aware UTC). is_ours: False where a file of that name is somebody else's, which is left alone."""

    seen: dict[str, datetime] = field(default_factory=dict)
    states: dict[str, dict[str, States]] = field(default_factory=dict)
    is_ours: bool = True

    @classmethod
    def read(cls, path: Path) -> Last:
        """From its file; nothing is known where there is none, or none that can be understood."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls()
        except (OSError, UnicodeDecodeError):
            return cls(is_ours=False)
        try:
            told = json.loads(text)
            if told["schema_version"] != SCHEMA_VERSION:
                return cls()
            places = told["places"]
            return cls(
                {place: parse_utc(of["seen"]) for place, of in places.items()},
                {place: {key: _unpacked(days) for key, days in of["datasets"].items()} for place, of in places.items()},
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            log.warning("%s is no memory of a coverage report and is left alone; what has changed cannot be told", path)
            return cls(is_ours=False)

    def changes(self, place: str, v: Verification) -> dict[str, list[date]]:
        """The days of a dataset that have changed since the last page, by kind; nothing where no page told of it."""
        seen, before = self.seen.get(place), self.states.get(place, {}).get(v.dataset.key)
        found: dict[str, list[date]] = {}
        if seen is None or before is None:
            return found
        for day in v.days:
            if kind := _changed(day, before.get(day.day), v, seen):
                found.setdefault(kind, []).append(day.day)
        return found

    def text(self, place: str, found: Sequence[Verification], seen: datetime) -> str:
        """The file's new text: what was looked at now over what was known before."""
        states = self.states | {place: dict(self.states.get(place, {}))}
        for v in found:
            # What could not be verified tells nothing.
            if v.days:
                earlier = states[place].get(v.dataset.key, {})
                states[place][v.dataset.key] = earlier | {day.day: day.state for day in v.days}
        when = self.seen | {place: seen}
        places = {
            name: {"seen": utc_text(when[name]), "datasets": {key: _packed(days) for key, days in of.items()}}
            for name, of in states.items()
        }
        return json.dumps({"schema_version": SCHEMA_VERSION, "places": places}, separators=(",", ":"))


def _rank(state: State) -> int:
    return 2 if state in LOSSES else 1 if state in _GAPS else 0


def _changed(day: Day, before: State | None, v: Verification, seen: datetime) -> str:
    """How a day has changed; "" for not at all. seen: when the last page looked."""
    if before is None:
        return NEW if day.stored and day.state not in LOSSES else WORSE if day.state in LOSSES else ""
    if _rank(day.state) != _rank(before):
        return REPAIRED if _rank(day.state) < _rank(before) else WORSE
    # What came in while the day was still being published restates nothing.
    was_over = seen >= day_end(day.day) + v.dataset.whole_after
    return RESTATED if was_over and day.since and day.since > seen and day.state not in LOSSES else ""


def _packed(days: Mapping[date, State]) -> list[list[Any]]:
    """[first day, state, how many] for each run of days in one state."""
    runs = groupby(enumerate(sorted(days)), key=lambda pair: (pair[1] - pair[0] * ONE_DAY, days[pair[1]]))
    packed = []
    for (_, state), run in runs:
        of_run = [day for _, day in run]
        packed.append([of_run[0].isoformat(), state.value, len(of_run)])
    return packed


def _unpacked(runs: Iterable[Any]) -> States:
    return dict(_days(runs))


def _days(runs: Iterable[Any]) -> Iterator[tuple[date, State]]:
    for first, state, count in runs:
        begin = date.fromisoformat(first)
        for day in days_between(begin, begin + (count - 1) * ONE_DAY):
            yield day, State(state)
