from views.common import LONG, SHORT, Case, Row, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_MW = {"CCGT": lambda n: 4_000, "WIND": lambda n: 10 * n, "PS": lambda n: -200, "INTFR": lambda n: 900}


def _expected() -> list[Row]:
    made = []
    for n, at in enumerate(_DAYS):
        # Of these there is no estimate, half of one, or nothing metered.
        if n in (5, 6, 7):
            continue
        all_mw = {fuel: mw(n) for fuel, mw in _MW.items()} | {"EMBEDDED WIND": 100 + n, "SOLAR": 500 - n}
        domestic = sum(mw for fuel, mw in all_mw.items() if fuel not in ("PS", "INTFR"))
        renewable = sum(all_mw[fuel] for fuel in ("WIND", "EMBEDDED WIND", "SOLAR"))
        made += [
            {"start_time": at, **settled(at), "fuel_type": fuel, "is_embedded": fuel in ("EMBEDDED WIND", "SOLAR"), "generation_mw": mw, "generation_mwh": mw / 2,
             "category": {"CCGT": "gas", "PS": "pumped storage", "INTFR": "interconnector", "SOLAR": "solar"}.get(fuel, "wind"), "domestic_generation_mw": domestic,
             "share_of_domestic": None if fuel in ("PS", "INTFR") else mw / domestic, "renewable_share": renewable / domestic}
            for fuel, mw in all_mw.items()
        ]  # fmt: skip
    return made


CASES = [
    Case(
        rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": mw(n)} for n, at in enumerate(_DAYS) if n != 7 for fuel, mw in _MW.items()))
        | rows("neso_historic_demand", *(
            {"start_time": at, **settled(at), "nd": 20_000, "embedded_wind_generation": 100 + n, "embedded_solar_generation": None if n == 6 else 500 - n}
            for n, at in enumerate(_DAYS) if n != 5
        ))
        | rows("neso_demand_update"),
        _expected(),
        name="half hours that lack a part, on days of 46 and 50 periods",
    ),
]  # fmt: skip
