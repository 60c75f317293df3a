"""Market index prices: MID."""

from __future__ import annotations

from standin.calendar import HALF_HOUR, Number, day_text, half_hours, iso
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import smooth, unit


def mid(plan: Plan, day: int, now: Number) -> list[Slot]:
    slots = []
    for period, start in enumerate(half_hours(day), 1):
        price = round(20 + 90 * smooth(18, start, 14_400) + 25 * smooth(181, start, 3_600) - 22, 2)
        volume = round(600 + 1_500 * smooth(182, start, 7_200) + unit(183, start) * 40, 2)
        values = [] if plan.missing(18, start, 35) else [("APXMIDP", price, volume)]
        rows = [
            f'{{"dataset":"MID","startTime":"{iso(start)}","dataProvider":"{provider}","settlementDate":'
            f'"{day_text(day)}","settlementPeriod":{period},"price":{p},"volume":{v}}}'.encode()
            for provider, p, v in [*values, ("N2EXMIDP", 0.0, 0.0)]
        ]
        slots.append(Slot(start, start, day, period, start + HALF_HOUR + 60, rows))
    return slots
