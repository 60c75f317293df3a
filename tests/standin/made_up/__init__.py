"""Made-up records of the first twelve datasets, one module a family."""

from __future__ import annotations

from collections.abc import Callable

from standin.calendar import Number
from standin.datasets import Slot
from standin.made_up.balancing import boalf, disbsad, netbsad
from standin.made_up.carbon import CARBON_HOLE, CARBON_TWICE, carbon, carbon_row
from standin.made_up.demand import demand
from standin.made_up.generation import FUELS, fuelhh, fuelhh_label, fuelinst, generation_mw
from standin.made_up.plan import Plan
from standin.made_up.prices import mid
from standin.made_up.system import freq, syswarn
from standin.made_up.units import Units
from standin.made_up.wind import windfor

__all__ = [
    "CARBON_HOLE", "CARBON_TWICE", "FUELS", "MadeUp", "Plan", "carbon_row", "fuelhh_label", "generation_mw",
]  # fmt: skip


class MadeUp:
    """Makes the records of one dataset and settlement day, oldest first. Holds no data, only how much to make."""

    def __init__(self, scale: float, b1610_units: int, boalf_per_day: int, gaps: bool) -> None:
        self.plan = Plan(scale, boalf_per_day, gaps)
        units = Units(max(2, round(b1610_units * scale)) if scale < 1 else b1610_units)
        self._makers: dict[str, Callable[[Plan, int, Number], list[Slot]]] = {
            "BOALF": boalf, "FUELHH": fuelhh, "DEMAND": demand, "SYSWARN": syswarn, "FREQ": freq, "FUELINST": fuelinst,
            "B1610": units.b1610, "MID": mid, "WINDFOR": windfor, "NETBSAD": netbsad, "DISBSAD": disbsad,
            "CARBON": carbon,
        }  # fmt: skip

    def day(self, code: str, day: int, now: Number) -> list[Slot]:
        return self._makers[code](self.plan, day, now)
