"""Balancing: acceptances (BOALF) and adjustments (NETBSAD, DISBSAD)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from standin.calendar import HALF_HOUR, Number, day_start, day_text, half_hours, iso, settlement
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import noise


def boalf(plan: Plan, day: int, now: Number) -> list[Slot]:
    count = max(3, round(plan.boalf_per_day * plan.scale))
    by_start: dict[int, list[tuple[int, bytes]]] = {}
    for origin in (day - 1, day):  # what begins late on the day before runs on past midnight
        for start, seen, row in _acceptances(origin, count):
            if day_start(day) <= start < day_start(day + 1):
                by_start.setdefault(start, []).append((seen, row))
    return [
        Slot(start, start, *settlement(start), max(seen for seen, _ in rows), [row for _, row in rows])
        for start, rows in sorted(by_start.items())
    ]


def _acceptances(day: int, count: int) -> Iterator[tuple[int, int, bytes]]:
    """Acceptances of about `count` ramp segments in all; a number is shared by two units, as really
    happens.
    """
    first, length = day_start(day), day_start(day + 1) - day_start(day)
    made, index = 0, 0
    target = count * (80 + noise(11, day) % 41) // 100
    while made < target:
        dice = noise(110, day, index)
        machine = (noise(111, day, index // 2) + index % 2) % 97
        start = first + dice % (length // 60) * 60
        accepted = start - (dice >> 12) % 45 * 60
        ng_unit = f"AG-MU{machine:03d}" if machine % 9 == 0 else f"MADEUP-{machine}"
        unit_text = "null" if machine % 48 == 1 else f'"{"V__M" if machine % 9 == 0 else "T_"}{ng_unit}"'
        level = (dice >> 20) % 500 - 60
        for segment in range(1 + (dice >> 30) % 4):
            bits = noise(112 + segment, day, index)
            end = start + (1, 2, 5, 12, 30, 47)[bits % 6] * 60
            target_level = level if bits >> 4 & 1 else level + (bits >> 8) % 60 - 30
            here, there = settlement(start), settlement(end)
            yield (
                start,
                accepted,
                (
                    f'{{"dataset":"BOALF","settlementDate":"{day_text(here[0])}","settlementPeriodFrom":{here[1]},'
                    f'"settlementPeriodTo":{there[1]},"timeFrom":"{iso(start)}","timeTo":"{iso(end)}",'
                    f'"levelFrom":{level},"levelTo":{target_level},'
                    f'"acceptanceNumber":{day % 300 * 9_000 + index // 2},'
                    f'"acceptanceTime":"{iso(accepted)}","deemedBoFlag":false,'
                    f'"soFlag":{"true" if bits >> 16 & 3 == 0 else "false"},"amendmentFlag":"ORI",'
                    f'"storFlag":{"true" if noise(113, day) % 9 == 0 else "false"},'
                    f'"rrFlag":{"null" if machine % 31 == 0 else "false"},'
                    f'"nationalGridBmUnit":"{ng_unit}","bmUnit":{unit_text}}}'
                ).encode(),
            )
            level, start, made = target_level, end, made + 1
        index += 1


def netbsad(plan: Plan, day: int, now: Number) -> list[Slot]:
    names = (
        "netBuyPriceCostAdjustmentEnergy",
        "netBuyPriceVolumeAdjustmentEnergy",
        "netBuyPriceVolumeAdjustmentSystem",
        "buyPricePriceAdjustment",
        "netSellPriceCostAdjustmentEnergy",
        "netSellPriceVolumeAdjustmentEnergy",
        "netSellPriceVolumeAdjustmentSystem",
        "sellPricePriceAdjustment",
    )
    slots = []
    for period, start in enumerate(half_hours(day), 1):
        values = [
            (noise(200 + i, start) % 40_000 - 20_000) / 100 if noise(20, start, i) % 10 == 0 else 0.0 for i in range(8)
        ]
        pairs = ",".join(f'"{name}":{value}' for name, value in zip(names, values, strict=True))
        labels = f'"settlementDate":"{day_text(day)}","settlementPeriod":{period}'
        row = f'{{"dataset":"NETBSAD",{labels},{pairs}}}'
        slots.append(Slot(start, start, day, period, start + HALF_HOUR + 600, [row.encode()]))
    return slots


def disbsad(plan: Plan, day: int, now: Number) -> list[Slot]:
    """About 370 actions a day; a period without one has a single empty row: id 1, zeros and
    nulls.
    """
    slots = []
    for period, start in enumerate(half_hours(day), 1):
        count = round((0, 0, 2, 5, 8, 12, 15, 20)[noise(21, start) % 8] * plan.scale)
        rows = []
        for number in range(1, max(count, 1) + 1):
            bits = noise(210, start, number)
            action = {
                "cost": None if bits % 17 == 0 else (bits >> 5) % 900_000 / 100,
                "volume": ((bits >> 9) % 6_000 - 3_000) / 10,
                "soFlag": bits & 1 == 0,
                "storFlag": False,
                "partyId": f"MADEUP{bits % 40}",
                "assetId": None if bits % 5 == 0 else f"ASSET-{bits % 90}",
                "isTendered": (None, True, False)[(bits >> 3) % 3],
                "service": ("Energy", "System", "Non-BM LCM")[(bits >> 7) % 3],
            }
            if not count:
                action = {
                    "cost": 0.0,
                    "volume": 0.0,
                    "soFlag": True,
                    "storFlag": False,
                    "partyId": None,
                    "assetId": None,
                    "isTendered": None,
                    "service": None,
                }
            rows.append(
                json.dumps(
                    {
                        "dataset": "DISBSAD",
                        "settlementDate": day_text(day),
                        "settlementPeriod": period,
                        "id": number,
                        **action,
                    },
                    separators=(",", ":"),
                ).encode()
            )
        slots.append(Slot(start, start, day, period, start + HALF_HOUR + 600, rows))
    return slots
