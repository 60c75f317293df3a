from views.common import LONG, SHORT, Case, half_hours, rows, settled, utc

_AT = utc("2024-06-01 00:00")
_MW = {"CCGT": 6_000, "OCGT": 100, "WIND": 3_000, "NPSHYD": 400, "BIOMASS": 500, "NUCLEAR": 0, "OTHER": -20, "PS": -900, "INTFR": 2_000, "INTNED": -500, "INTNEW": 7}
_CATEGORIES = dict(zip(_MW, ("gas", "gas", "wind", "hydro", "biomass", "nuclear", "other", "pumped storage", *["interconnector"] * 3), strict=True))
CASES = [
    Case(
        rows("elexon_generation_outturn", *({"start_time": _AT, "fuel_type": fuel, "generation": mw} for fuel, mw in _MW.items())),
        [
            {"start_time": _AT, "fuel_type": fuel, "category": _CATEGORIES[fuel], "generation_mw": mw, "generation_mwh": mw * 0.5,
             "is_renewable": fuel in ("WIND", "NPSHYD", "BIOMASS"), "domestic_generation_mw": 10_000, "renewable_share": 0.39,
             "share_of_domestic": None if fuel == "PS" or fuel[:3] == "INT" else max(mw, 0) / 10_000}
            for fuel, mw in _MW.items()
        ],
        name="signs",
    ),
    Case(
        rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": n * k} for n, at in enumerate(half_hours(SHORT, LONG)) for fuel, k in (("CCGT", 3), ("WIND", 1)))),
        [
            {"start_time": at, **settled(at), "fuel_type": fuel, "share_of_domestic": k if n else None, "renewable_share": 0.25 if n else None}
            for n, at in enumerate(half_hours(SHORT, LONG)) for fuel, k in (("CCGT", 0.75), ("WIND", 0.25))
        ],
        name="days of 46 and 50 periods, and zeros published late",
    ),
]  # fmt: skip
