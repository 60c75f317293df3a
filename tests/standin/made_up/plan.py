"""How much of everything is made up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from standin.calendar import DAY, parse_day
from standin.values import noise


class Plan(NamedTuple):
    """scale: 0..1, thinner series on the same calendar; gaps: with the source's own holes and nulls."""

    scale: float
    boalf_per_day: int
    gaps: bool

    def step(self, tick: int, choices: Sequence[int]) -> int:
        """The sampling step that keeps about `scale` of the ticks and still divides the half hour."""
        return next((step for step in choices if tick / step <= self.scale), choices[-1])

    def missing(self, series: int, moment: int, one_in: int, before: str = "2100-01-01") -> bool:
        """Whether the source has a hole here: about one in so many, up to a day."""
        return self.gaps and noise(series, moment, 5) % one_in == 0 and moment < parse_day(before) * DAY
