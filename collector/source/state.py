"""Whether the sources are alive, asked once a run: one request tells of an API whether it answers and how new its data are.

An outage is then learnt once for all datasets that share an API, and a source that stands still is told by name before
anything else. What cannot be told is not known; only silence counts as an outage.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.base.gb_calendar import parse_utc, settlement_day, utc_now, utc_text
from collector.base.process import Stop
from collector.base.text import printable
from collector.days import Task
from collector.registry.model import Dataset, Source
from collector.source.errors import Refused, Unavailable, WindowTooLong, WrongAnswer
from collector.source.http import Api, Traffic
from collector.source.json_split import decode_answer
from collector.source.requests import Request


@dataclass
class SourceState:
    """down: base-URL variable of an API that does not answer -> why. newest: dataset key -> its newest data as the API
    tells (aware UTC)."""

    down: dict[str, str] = field(default_factory=dict)
    newest: dict[str, datetime] = field(default_factory=dict)

    def lines(self, tasks: Sequence[Task], now: datetime) -> list[str]:
        """What is not as it should be, a line each; the APIs that are down first."""
        found = [
            f"{cause}: nothing of {', '.join(t.dataset.key for t in tasks if t.dataset.source.variable == variable)} can be fetched"
            for variable, cause in self.down.items()
        ]
        for task in tasks:
            newest, usual = self.newest.get(task.dataset.key), task.dataset.max_age
            if newest and usual and now - newest > usual:
                found.append(
                    f"{task.dataset.key}: the source stands still since {utc_text(newest)} (usual: new data within {_hours(usual)} h)"
                )
        return found

    def write(self, path: Path) -> None:
        """Keep the outages for the programs of the same run."""
        path.write_text(json.dumps(self.down), encoding="utf-8")


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:g}"


def known_outages(path: str) -> dict[str, str]:
    """The outages that a program of the same run has met; none where nothing readable is there."""
    try:
        told = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return {str(host): str(cause) for host, cause in told.items()} if isinstance(told, dict) else {}


def look(apis: Mapping[Source, Api], datasets: Sequence[Dataset]) -> SourceState:
    """Ask each API that these datasets come from, once."""
    state = SourceState()
    for source in dict.fromkeys(dataset.source for dataset in datasets):
        try:
            answer = apis[source].ask(_probe(source), _read, Traffic())
        except Unavailable:
            state.down[source.variable] = printable(apis[source].trouble)
        except (Refused, WindowTooLong, WrongAnswer):
            # It answers, if not this question.
            continue
        else:
            state.newest |= _newest(answer, [dataset for dataset in datasets if dataset.source == source])
    return state


def check(tasks: Sequence[Task], apis: Mapping[Source, Api], path: Path, stop: Stop) -> list[str]:
    """What to tell of sources that do not answer or stand still; the outages are kept in `path` for the programs of the run."""
    state = stop.attend(lambda: look(apis, [task.dataset for task in tasks]))
    state.write(path)
    now = utc_now()
    current = [task for task in tasks if task.last >= settlement_day(now)]
    return state.lines(current if not state.down else tasks, now)


def answers(api: Api, source: Source) -> bool:
    """Whether an API that was down answers again; a short look."""
    try:
        api.ask(_probe(source), _read, Traffic())
    except Unavailable:
        return False
    except (Refused, WindowTooLong, WrongAnswer):
        pass
    return True


def _probe(source: Source) -> Request:
    return Request(path=source.probe, limit=4_000_000)


def _read(body: bytearray) -> list[Any]:
    told = decode_answer(body)
    rows = told.get("data") if isinstance(told, dict) else told
    if not isinstance(rows, list):
        raise WrongAnswer("the answer is no list")
    return rows


def _newest(rows: list[Any], datasets: Sequence[Dataset]) -> dict[str, datetime]:
    by_code: dict[str, datetime] = {}
    for row in rows:
        code, text = (row.get("dataset"), row.get("lastUpdated")) if isinstance(row, dict) else (None, None)
        if isinstance(code, str) and isinstance(text, str):
            try:
                by_code[code] = parse_utc(text)
            except (ValueError, OverflowError):
                continue
    # Demand is two of Elexon's datasets in one answer.
    codes = {dataset.key: dataset.code.split(" ")[0] for dataset in datasets}
    return {key: by_code[code] for key, code in codes.items() if code in by_code}
