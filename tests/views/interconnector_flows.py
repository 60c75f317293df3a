from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_LINKS = {"INTFR": ("IFA", "France", 40), "INTEW": ("East West", "Ireland (SEM)", -10), "INTNEW": (None, None, 1)}
_PRICES = {at: n - 20.0 for n, at in enumerate(_DAYS) if n % 7}
CASES = [
    Case(
        {
            **rows("elexon_generation_outturn", *({"start_time": at, "fuel_type": fuel, "generation": k * n} for n, at in enumerate(_DAYS) for fuel, k in (*((f, link[2]) for f, link in _LINKS.items()), ("CCGT", 9)))),
            **rows("elexon_market_index", *({"start_time": at, "data_provider": "APXMIDP", "price": price, "volume": 2.0} for at, price in _PRICES.items())),
        },
        [
            {"start_time": at, **settled(at), "interconnector": fuel, "interconnector_name": name, "country": country, "net_import_mw": k * n,
             "import_mwh": max(k * n, 0) * 0.5, "export_mwh": max(-k * n, 0) * 0.5, "net_import_mwh": k * n * 0.5,
             "wholesale_price": _PRICES.get(at), "net_import_value": k * n * 0.5 * _PRICES[at] if at in _PRICES else None}
            for n, at in enumerate(_DAYS) for fuel, (name, country, k) in _LINKS.items()
        ],
        name="days of 46 and 50 periods, some without a price",
    ),
]  # fmt: skip
