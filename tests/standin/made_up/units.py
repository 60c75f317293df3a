"""Metered generation per unit: B1610."""

from __future__ import annotations

import math
from functools import cached_property, partial

from standin.calendar import DAY, HALF_HOUR, Number, day_start, day_text, half_hours, iso, working_days_after
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import noise

_WAVE = [abs(math.sin(i * 2 * math.pi / 1_009)) * 0.9 + 0.05 for i in range(1_009)]
_RUNS = [("RF", 292), ("R3", 154), ("R2", 84), ("R1", 39), ("SF", 16), ("II", 5)]


class Units:
    """Makes the rows of so many units."""

    def __init__(self, count: int) -> None:
        self.count = count

    def b1610(self, plan: Plan, day: int, now: Number) -> list[Slot]:
        """Metered output per unit: three in four are zero; the run, and with it some values, depends on the
        age.

        Made to be fast at the real size (9,177 units, 100 MB a day): one template a half hour, filled at
        once.
        """
        today = int(now) // DAY
        run = next((run for run, age in _RUNS if today >= working_days_after(day, age)), "II")
        seen = max(day_start(day) + 7 * DAY, working_days_after(day, 5) * DAY + 10 * 3_600)
        template, units = self._lines
        rise = day % 4_001 / 1_000  # so that no two days are equal
        restated = 1 + 0.01 * [name for name, _ in _RUNS].index(run)
        # the first unit of either kind always runs, so that few units still show both signs
        running = [number in (0, 2) or noise(17, number, day) % 4 == 0 for number in range(len(units))]

        def rows(start: int, period: int) -> list[bytes]:
            tick = day * 17 + period * 3
            quantities = []
            for number, (capacity, phase) in enumerate(units):
                if running[number]:
                    quantity = capacity * _WAVE[(phase + tick) % 1_009] + rise
                    if (number + tick) % 25 == 0:
                        quantity *= restated
                    quantities.append(f"{-quantity if number % 3 == 2 else quantity:.3f}")
                else:
                    quantities.append("0.000")
            labels = (
                f'"settlementDate":"{day_text(day)}","settlementPeriod":{period},'
                f'"halfHourEndTime":"{iso(start + HALF_HOUR)[:-1]}","settlementRunType":"{run}","quantity":'
            )
            return (template.replace("@", labels) % tuple(quantities)).encode().split(b"\n")

        return [
            Slot(start, start, day, period, seen, partial(rows, start, period))
            for period, start in enumerate(half_hours(day), 1)
        ]

    @cached_property
    def _lines(self) -> tuple[str, list[tuple[float, int]]]:
        """A template of one half hour's rows, a line a unit, and each unit's (capacity in MWh, phase)."""
        lines, units = [], []
        for number in range(self.count):
            name = f"MUP{number:05d}"
            # every third is a demand-side unit: no National Grid id, and it takes power (negative)
            ids = (
                f'"2__{name}","nationalGridBmUnitId":null'
                if number % 3 == 2
                else f'"T_{name}-1","nationalGridBmUnitId":"{name}-1"'
            )
            lines.append(f'{{"dataset":"B1610","psrType":"Generation","bmUnit":{ids},@%s}}')
            units.append((1 + noise(170, number) % 300_000 / 1_000, noise(171, number) % 1_009))
        return "\n".join(lines), units
