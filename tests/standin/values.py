"""Made-up numbers: each a cheap hash of what it belongs to, so that nothing is stored and two runs agree."""

from __future__ import annotations

import math
from functools import lru_cache

from standin.calendar import DAY

_MASK = (1 << 64) - 1


def noise(a: int, b: int = 0, c: int = 0) -> int:
    """64 well-mixed bits out of up to three integers."""
    x = (a * 0x9E3779B97F4A7C15 ^ b * 0xBF58476D1CE4E5B9 ^ c * 0x94D049BB133111EB) & _MASK
    x = (x ^ x >> 29) * 0xBF58476D1CE4E5B9 & _MASK
    return (x ^ x >> 32) * 0x94D049BB133111EB >> 13 & _MASK >> 13


def unit(a: int, b: int = 0, c: int = 0) -> float:
    return noise(a, b, c) % 1_000_003 / 1_000_003


@lru_cache(maxsize=100_000)
def _knot(series: int, index: int) -> float:
    return unit(series, index, 77)


def smooth(series: int, moment: int, step: int) -> float:
    """A number in 0..1 that wanders smoothly, with one free choice every `step` seconds."""
    index, rest = divmod(moment, step)
    share = rest / step
    share = share * share * (3 - 2 * share)
    return _knot(series, index) * (1 - share) + _knot(series, index + 1) * share


def demand_mw(moment: int) -> float:
    """National demand: low at night, two daytime shoulders, higher in winter and on working days."""
    hour = moment % DAY / 3_600
    daily = math.sin((hour - 9) / 24 * 2 * math.pi) * 5_500 + math.exp(-((hour - 18) ** 2) / 6) * 4_500
    yearly = math.cos((moment // DAY % 365 - 15) / 365 * 2 * math.pi) * 5_000
    week = -1_800 if (moment // DAY + 3) % 7 >= 5 else 0
    return 28_500 + daily + yearly + week + smooth(1, moment, 7_200) * 1_800 + unit(2, moment) * 60
