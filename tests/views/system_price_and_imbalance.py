from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_NIV = {at: (n - 30) * 7.25 for n, at in enumerate(_DAYS)}
CASES = [
    Case(
        {
            **rows("elexon_system_prices", *({"start_time": at, "system_buy_price": 90.0, "system_sell_price": 70.0, "net_imbalance_volume": niv} for at, niv in _NIV.items())),
            **rows("elexon_market_index", {"start_time": _DAYS[31], "data_provider": "APXMIDP", "price": 60.0, "volume": 2.0}),
        },
        [
            {"start_time": at, **settled(at), "is_short": niv > 0, "net_imbalance_volume": niv, "imbalance_cost": niv * (90 if niv > 0 else 70),
             "wholesale_price": 60.0 if at == _DAYS[31] else None, "spread_to_wholesale": 30.0 if at == _DAYS[31] else None}
            for at, niv in _NIV.items()
        ],
        name="short and long, on days of 46 and 50 periods",
    ),
]  # fmt: skip
