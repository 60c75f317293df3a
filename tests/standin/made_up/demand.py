"""National demand: INDO and ITSDO, as one answer."""

from __future__ import annotations

import json

from standin.calendar import HALF_HOUR, Number, day_text, half_hours, iso
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import demand_mw, smooth


def demand(plan: Plan, day: int, now: Number) -> list[Slot]:
    slots = []
    for period, start in enumerate(half_hours(day), 1):
        if plan.missing(13, start, 1_000, before="2022-04-01"):
            continue
        indo: int | None = round(demand_mw(start))
        itsdo: int | None = round(demand_mw(start) + 900 + 2_500 * smooth(32, start, 10_800))
        indo = None if plan.missing(132, start, 105, before="2022-04-01") else indo
        itsdo = None if plan.missing(133, start, 103, before="2022-04-01") else itsdo
        publish = None if plan.missing(134, start, 2_000) else iso(start + HALF_HOUR)
        rows = [
            json.dumps(
                {
                    "publishTime": publish,
                    "startTime": iso(start),
                    "settlementDate": day_text(day),
                    "settlementPeriod": period,
                    "initialDemandOutturn": first,
                    "initialTransmissionSystemDemandOutturn": second,
                },
                separators=(",", ":"),
            ).encode()
            for first, second in ((indo, itsdo), (None, None))
        ]
        slots.append(
            Slot(
                start,
                start + HALF_HOUR,
                day,
                period,
                start + HALF_HOUR,
                rows[:1],
                final=start + HALF_HOUR + 900,
                early=rows[1:],
            )
        )  # the newest row can be null
    return slots
