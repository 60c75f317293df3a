"""The system: its frequency and its warnings."""

from __future__ import annotations

import json
from datetime import date

from standin.calendar import HALF_HOUR, Number, day_start, half_hours, iso, settlement
from standin.datasets import Slot
from standin.made_up.plan import Plan
from standin.values import noise, smooth

_TRADES = (
    "NATIONAL ENERGY SYSTEM OPERATOR NOTIFICATION of excess energy prices used for settlement outside of"
    " BALIT for SO to SO Transactions\r\\nover the National Grid/RTE  Interconnector.\r\\n\r\\nPrices cover"
    " 23:00Hrs Today to 05:00Hrs Tomorrow (UK local time) and are in Euro/MWh.\r\\nFrom RTE: Offer"
    " {n}.00; Bid 0.00\r\\n\r\\n"
)
_OUTAGE = (
    "To All Balancing Mechanism Wider Access API \"EDL\" and 'EDT' Users\r\\n\r\\nPlease be advised that"
    " there will be a planned outage from 09:00 to 23:00 on {d}.\r\\n\r\\nReference {n}\r\\n"
)
_WARNINGS = [
    ("SO-SO TRADES", _TRADES),
    ("IT SYSTEMS OUTAGE", _OUTAGE),
    ("OTHER", "Made-up notice {n} of {d}, with a tab\tand a backslash \\ in it.\r\\n"),
    ("NRAPM", "NEGATIVE RESERVE ACTIVE POWER MARGIN – shortfall {n} MW on {d}\r\\n"),
]
_MARGIN = (
    "From : Power System Manager – NESO Electricity Control Centre\r\\n\r\\nELECTRICITY MARGIN NOTICE \r\\n"
    "\r\\nfrom 16:00 hrs to 19:00 hrs on {d}  \r\\nSystem margin shortfall {n} MW\r\\n"
)
_CANCEL = (
    "From : Power System Manager – NESO Electricity Control Centre\r\\n\r\\nNOTIFICATION CANCELLATION of GB"
    " TRANSMISSION SYSTEM WARNING \r\\n\r\\nELECTRICITY MARGIN NOTICE\r\\n\r\\nissued for {d} has been"
    " cancelled \r\\n"
)


def freq(plan: Plan, day: int, now: Number) -> list[Slot]:
    step = plan.step(15, (15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1_800))
    slots = []
    for start in half_hours(day):
        lost = noise(150, start) % 20 + 1 if plan.missing(15, start, 400) else 0
        for moment in range(start, start + HALF_HOUR, step):
            if lost and (moment - start) // step < lost:
                continue
            hertz = 49.85 + 0.3 * smooth(15, moment, 120) + (noise(16, moment) % 5 - 2) / 1_000
            row = f'{{"dataset":"FREQ","measurementTime":"{iso(moment)}","frequency":{round(hertz, 3)}}}'
            slots.append(Slot(moment, moment, *settlement(start), moment + 60, [row.encode()]))
    return slots


def syswarn(plan: Plan, day: int, now: Number) -> list[Slot]:
    """Sparse: about half of the days have no message. Text lines end in CR, backslash, n."""
    count = (0, 0, 0, 0, 1, 0, 1, 2, 3, 4)[noise(14, day) % 10]
    if plan.scale < 0.5:
        count = min(count, 1)
    uk_day = date.fromordinal(day + 719_163).strftime("%d/%m/%Y")
    slots: list[Slot] = []
    for index in range(count):
        bits = noise(140, day, index)
        moment = day_start(day) + bits % (day_start(day + 1) - day_start(day))
        if count == 4 and index >= 2:  # a notice, then its cancelling: the same type twice
            kind: str | None = "ELECTRICITY MARGIN NOTICE"
            text = _MARGIN if index == 2 else _CANCEL
        else:
            kind, text = _WARNINGS[bits >> 20 & 3]
            kind = None if (bits >> 24) % 150 == 0 else kind
        row = json.dumps(
            {
                "dataset": "SYSWARN",
                "publishTime": iso(moment),
                "warningType": kind,
                "warningText": text.format(n=bits % 2_000, d=uk_day),
            },
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        slots.append(Slot(moment, moment, *settlement(moment), moment + 30, [row]))
    return sorted(slots, key=lambda slot: slot.at)
