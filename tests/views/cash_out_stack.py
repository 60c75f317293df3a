from views.common import LONG, SHORT, Case, half_hours, rows, settled

_FIELDS = ("volume", "niv_adjusted_volume", "par_adjusted_volume", "tlm_adjusted_volume", "tlm_adjusted_cost", "final_price", "so_flag", "cadl_flag", "repriced_indicator")
_ACTIONS = {
    "offer": [(40.0, 30.0, 10.0, 11.0, 880.0, 80.0, True, False, False), (5.5, 5.5, 0.0, 0.0, 0.0, 120.0, False, True, True), (1.0, None, None, None, None, None, None, None, None)],
    "bid": [(-20.0, 0.0, 0.0, 0.0, 0.0, -30.0, True, False, True)],
}  # fmt: skip
_SUMS = {
    "offer": {"actions": 3, "volume": 46.5, "so_flagged_volume": 40.0, "cadl_flagged_volume": 5.5, "repriced_volume": 5.5, "niv_adjusted_volume": 35.5,
              "par_adjusted_volume": 10.0, "priced_cost": 880.0, "main_price": 80.0, "lowest_final_price": 80.0, "highest_final_price": 120.0},
    "bid": {"actions": 1, "volume": -20.0, "so_flagged_volume": -20.0, "cadl_flagged_volume": 0.0, "repriced_volume": -20.0, "niv_adjusted_volume": 0.0,
            "par_adjusted_volume": 0.0, "priced_cost": 0.0, "main_price": None, "lowest_final_price": -30.0, "highest_final_price": -30.0},
}  # fmt: skip
CASES = [
    Case(
        rows("elexon_settlement_stack", *(
            {"start_time": at, "side": side, "sequence_number": n, **dict(zip(_FIELDS, action, strict=True))}
            for at in half_hours(SHORT, LONG) for side, actions in _ACTIONS.items() for n, action in enumerate(actions)
        )),
        [{"start_time": at, **settled(at), "side": side, **sums} for at in half_hours(SHORT, LONG) for side, sums in _SUMS.items()],
        name="both sides on days of 46 and 50 periods",
    ),
]  # fmt: skip
