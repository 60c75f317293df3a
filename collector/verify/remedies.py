"""The commands that mend what a verification found, ready to be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from collector.base.names import DOWNLOADER, LOADER
from collector.days import Span, State, spans
from collector.settings import ROOT, SETTINGS, Settings
from collector.verify.verification import LOSSES, Verification

# What a load mends by itself; all else begins at the source.
_LOADED_ONLY = frozenset({State.UNLOADED})
# Days that differ are loaded again by force, range by range; of more ranges than this all in between is loaded too.
_FORCED_RANGES = 10


@dataclass(frozen=True)
class Commands:
    """How the programs are started by who reads this: chain: the deploy script with its flags, where it was that one
    which asked; places: else the flags that say where, as they were given."""

    chain: str = ""
    places: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: Settings, chain: str) -> Commands:
        """As the program was started that asks."""
        given = [s for s in SETTINGS if s.flag and settings.origins[s.variable] == s.flag]
        return cls(chain, tuple(word for s in given for word in (s.flag, settings.values[s.variable])))

    def to_mend(self, found: Sequence[Verification]) -> list[str]:
        """One line for all that the plain run mends, then those that need --force; none where nothing is lost."""
        lines = []
        lost = [(v, days) for v in found if (days := v.of(*LOSSES - {State.DIFFERS}))]
        if lost:
            is_loaded_only = all(not v.of(*LOSSES - {State.DIFFERS} - _LOADED_ONLY) for v, _days in lost)
            span = Span(min(days[0] for _v, days in lost), max(days[-1] for _v, days in lost))
            lines.append(self._line([v.dataset.key for v, _days in lost], span, [] if is_loaded_only else [DOWNLOADER]))
        for v in found:
            for span in _forced(v.of(State.DIFFERS)):
                lines.append(self._line([v.dataset.key], span, [], "--force"))
        return lines

    def _line(self, keys: Sequence[str], span: Span, before: Sequence[str], *more: str) -> str:
        what = ["--datasets", *keys, "--start-date", f"{span.first}", "--end-date", f"{span.last}", *more]
        if self.chain:
            return f"{self.chain} {shlex.join(what)}"
        folder = Path() if Path.cwd() == ROOT else ROOT
        # Any python3 will do: the programs go on in the environment of their own.
        return " && ".join(
            shlex.join(["python3", str(folder / name), *self.places, *what]) for name in (*before, LOADER)
        )


def _forced(days: Sequence[date]) -> Iterator[Span]:
    ranges = list(spans(days, len(days) + 1, False))
    if len(ranges) > _FORCED_RANGES:
        ranges = [Span(ranges[0].first, ranges[-1].last)]
    yield from ranges
