from views.balancing_costs import ACTIONS, DISBSAD
from views.common import LONG, SHORT, Case, half_hours, rows, settled

_DAYS = [*half_hours(SHORT, LONG)]
_NET = {"net_buy_price_cost_adjustment_energy": 9.0, "net_buy_price_volume_adjustment_energy": 2.0, "net_buy_price_volume_adjustment_system": 0.5,
        "net_sell_price_cost_adjustment_energy": -4.0, "net_sell_price_volume_adjustment_energy": -1.0, "net_sell_price_volume_adjustment_system": -0.25}  # fmt: skip
CASES = [
    Case(
        rows("elexon_balancing_services", *({"start_time": at, **settled(at), **_NET} for at in _DAYS))
        | rows(DISBSAD, *(
            {"start_time": at, **settled(at), "id": n, "service": service, "so_flag": so, "cost": cost, "volume": volume}
            for at in _DAYS[:60] for n, (service, so, cost, volume) in enumerate(ACTIONS)
        )),
        [
            {"start_time": at, **settled(at), "net_buy_cost": 9.0, "net_buy_volume": 2.5, "net_sell_cost": -4.0, "net_sell_volume": -1.25,
             "disaggregated_cost": 172.0 if n < 60 else 0.0, "disaggregated_volume": 9.0 if n < 60 else 0.0, "so_flagged_cost": 15.0 if n < 60 else 0.0}
            for n, at in enumerate(_DAYS)
        ],
        name="with and without actions, on days of 46 and 50 periods",
    ),
]  # fmt: skip
