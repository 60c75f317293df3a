from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_FUELS = ("biomass", "coal", "imports", "gas", "nuclear", "other", "hydro", "solar", "wind")
_REGIONS = {1: ("North Scotland", "Scottish Hydro Electric Power Distribution"), 18: ("GB", "GB")}


def _share(fuel: str, n: int, number: int) -> float:
    return round(_FUELS.index(fuel) + n / 10 + number / 100, 2)


CASES = [
    Case(
        rows("neso_carbon_regional", *(
            {"from_time": at, "regions": [
                {"regionid": number, "shortname": short, "dnoregion": network, "intensity": {"forecast": n + number, "index": "low"},
                 # One comes without a mix, as the source has it when it fails.
                 "generationmix": [] if n == 4 else [{"fuel": fuel, "perc": _share(fuel, n, number)} for fuel in _FUELS]}
                for number, (short, network) in _REGIONS.items()
            ]}
            for n, at in enumerate(_DAYS)
        )),
        [
            {"from_time": at, **settled(at), "region_id": number, "region": short, "network_operator": network, "intensity_forecast": float(n + number), "intensity_index": "low",
             **{f"{fuel}_percent": None if n == 4 else _share(fuel, n, number) for fuel in _FUELS}}
            for n, at in enumerate(_DAYS) for number, (short, network) in _REGIONS.items()
        ],
        name="two regions, on days of 46 and 50 periods",
    ),
]  # fmt: skip
