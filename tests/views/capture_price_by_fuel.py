from datetime import date, timedelta

from views.common import LONG, SHORT, Case, half_hours, rows, settled

# The first two half hours of April in local time are March by UTC.
_DAYS = [*half_hours(SHORT, SHORT + timedelta(days=1), LONG)]
_MW = {"WIND": lambda n: 3 * n, "PS": lambda n: 50 - n, "CCGT": lambda n: 0, "INTFR": lambda n: 70}
_PRICE = {at: 100.0 - n for n, at in enumerate(_DAYS) if n % 5}


def _expected() -> list[dict[str, object]]:
    made = []
    for fuel in ("WIND", "PS", "CCGT"):
        for month in (date(2024, 3, 1), date(2024, 4, 1), date(2024, 10, 1)):
            mine = [(max(_MW[fuel](n), 0) / 2, _PRICE[at]) for n, at in enumerate(_DAYS) if at in _PRICE and settled(at)["settlement_date"].replace(day=1) == month]
            mwh, base = sum(volume for volume, _ in mine), sum(price for _, price in mine) / len(mine)
            price = sum(volume * price for volume, price in mine) / mwh if mwh else None
            made.append({"month": month, "fuel_type": fuel, "generation_mwh": mwh, "capture_price": price, "base_price": base, "half_hours": len(mine),
                         "capture_rate": price / base if price is not None else None})  # fmt: skip
    return made


CASES = [
    Case(
        rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": mw(n)} for n, at in enumerate(_DAYS) for fuel, mw in _MW.items()))
        | rows("elexon_market_index", *({"start_time": at, "data_provider": "APXMIDP", "price": price, "volume": 9.0} for at, price in _PRICE.items())),
        _expected(),
        name="months of settlement days",
    ),
]  # fmt: skip
