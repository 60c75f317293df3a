from views.common import LONG, PLAIN, SHORT, Case, midnight, rows

# Kind -> names of the source's columns, cost and volume of the first day.
_KINDS = {
    "thermal": ("thermal_constraints", 1_200.0, -40.0), "voltage": ("voltage_constraints", 90.0, 30.0), "largest loss": ("reducing_largest_loss", 5.0, 0.0),
    "inertia": ("increasing_system_inertia", -7.0, 2.0),
}  # fmt: skip
CASES = [
    Case(
        rows("neso_constraint_breakdown", *(
            {"settlement_date": day, "start_time": midnight(day), "date": day}
            | {f"{name}_cost": None if day == LONG and kind != "voltage" else cost * n for kind, (name, cost, _) in _KINDS.items()}
            | {f"{name}_volume": None if day == LONG else volume * n for name, _, volume in _KINDS.values()}
            for n, day in enumerate((SHORT, PLAIN, LONG), 1)
        )),
        [
            {"settlement_date": day, "kind": kind, "cost": cost * n, "volume": None if day == LONG else volume * n,
             "price": None if day == LONG or not volume else cost / abs(volume)}
            for n, day in enumerate((SHORT, PLAIN, LONG), 1) for kind, (_, cost, volume) in _KINDS.items() if day != LONG or kind == "voltage"
        ],
        name="signs, no volume, and nothing published",
    ),
]  # fmt: skip
