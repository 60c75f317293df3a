from datetime import date

from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_MW = {"CCGT": 6_000, "WIND": 3_000, "PS": -900, "INTFR": 2_000, "INTELEC": -500, "INTNED": 300, "INTGRNL": 40, "INTNSL": 1_400}
_FACTORS = {
    date(2024, 4, 1): {"gas_combined_cycle": 394, "wind": 0, "pumped_storage": 7, "french_imports": 53, "dutch_imports": 474, "irish_imports": 458},
    date(2024, 10, 27): {"gas_combined_cycle": 400, "wind": 0, "pumped_storage": 7, "french_imports": 40, "dutch_imports": 300, "irish_imports": None},
}  # fmt: skip
_NAMES = {
    "CCGT": "gas_combined_cycle", "WIND": "wind", "PS": "pumped_storage", "INTFR": "french_imports", "INTELEC": "french_imports", "INTNED": "dutch_imports",
    "INTGRNL": "irish_imports",
}  # fmt: skip


def _factor(fuel: str, day: date) -> int | None:
    return _FACTORS[date(2024, 4, 1) if day == SHORT else date(2024, 10, 27)].get(_NAMES.get(fuel, ""))


CASES = [
    Case(
        rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": mw + n} for n, at in enumerate(_DAYS) for fuel, mw in _MW.items()))
        | rows("neso_carbon_factors", *({"settlement_date": day, "snapshot_date": day, **factors} for day, factors in _FACTORS.items())),
        [
            {"start_time": at, **settled(at), "fuel_type": fuel, "generation_mwh": max(mw + n, 0) / 2, "factor": factor, "is_factor_of_later_day": at < _DAYS[46],
             "emissions": None if factor is None else max(mw + n, 0) * 0.5 * factor / 1_000}
            for n, at in enumerate(_DAYS) for fuel, mw in _MW.items() for factor in [_factor(fuel, settled(at)["settlement_date"])]
        ],
        name="before the first factors and after a change, on days of 46 and 50 periods",
    ),
]  # fmt: skip
