from datetime import date

from views.common import LONG, PLAIN, SHORT, Case, Row, half_hours, rows

# Unit -> name, type, fuel type, generation and demand capacity.
_UNITS = {
    "T_NAMED": ("Pillow Moor BESS", "T", "WIND", 50.0, -10.0),
    "E_STORE": ("Lower Battery Storage", "E", None, 40.0, -40.0),
    "E_LIKELY": ("Someplace 1", "E", "OTHER", 100.0, -98.0),
    "V_LIKELY": ("Aggregated", "V", None, 100.0, -98.0),
    "T_PUMPED": ("Mountain", "T", "PS", 300.0, -300.0),
    "T_WIND": ("Bessacarr Wind", "T", "WIND", 90.0, -2.0),
    "T_LOAD": ("Works", "T", None, 10.0, -50.0),
}
_BATTERIES = {"T_NAMED": True, "E_STORE": True, "E_LIKELY": False}
_DAYS = {day: [*half_hours(day)] for day in (SHORT, PLAIN, LONG)}
_PRICES = {at: 40.0 + n for at_day in _DAYS.values() for n, at in enumerate(at_day) if n != 9}


def _mwh(n: int, unit: str) -> float | None:
    return None if n == 11 else (n % 8 - 3.5) * len(unit)


def _expected() -> list[Row]:
    made = []
    for day, instants in _DAYS.items():
        for unit, is_named in _BATTERIES.items():
            flows = {at: mwh for n, at in enumerate(instants) if (mwh := _mwh(n, unit)) is not None}
            given = sum(mwh for mwh in flows.values() if mwh > 0)
            taken = -sum(mwh for mwh in flows.values() if mwh < 0)
            made.append({
                "settlement_date": day, "bm_unit": unit, "bm_unit_name": _UNITS[unit][0], "is_named_battery": is_named, "half_hours": len(flows), "discharged_mwh": given,
                "charged_mwh": taken, "throughput_mwh": given + taken, "full_hours": given / _UNITS[unit][3], "demand_capacity": _UNITS[unit][4],
                "market_value": sum(mwh * _PRICES[at] for at, mwh in flows.items() if at in _PRICES), "half_hours_without_price": 1,
            })  # fmt: skip
    return made


CASES = [
    Case(
        rows("elexon_bm_units", *(
            {"settlement_date": date(2024, 1, 1), "elexon_bm_unit": unit, "national_grid_bm_unit": f"{unit}-N", "bm_unit_name": name, "bm_unit_type": kind, "fuel_type": fuel,
             "generation_capacity": most, "demand_capacity": least}
            for unit, (name, kind, fuel, most, least) in _UNITS.items()
        ))
        | rows("elexon_individual_generation", *({"start_time": at, "bm_unit": unit, "quantity": _mwh(n, unit)} for at_day in _DAYS.values() for n, at in enumerate(at_day) for unit in _UNITS))
        | rows("elexon_market_index", *({"start_time": at, "data_provider": "APXMIDP", "price": price, "volume": 3.0} for at, price in _PRICES.items())),
        _expected(),
        name="by name and by capacities, on days of 46, 48 and 50 periods",
    ),
]  # fmt: skip
