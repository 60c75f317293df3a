from views.common import LONG, SHORT, Case, half_hours, rows, settled

_COLUMNS = {
    "energy imbalance": "energy_imbalance", "frequency control": "frequency_control", "positive reserve": "positive_reserve", "negative reserve": "negative_reserve",
    "constraints": "constraints", "other": "other_costs",
}  # fmt: skip
_DAYS = [*half_hours(SHORT, LONG)]


def _cost(n: int, kind: str) -> float | None:
    return None if kind == "other" and n % 3 == 0 else n * 10.5 - 100 * [*_COLUMNS].index(kind)


CASES = [
    Case(
        rows("neso_balancing_costs", *({"start_time": at, **settled(at), **{column: _cost(n, kind) for kind, column in _COLUMNS.items()}} for n, at in enumerate(_DAYS))),
        [
            {"start_time": at, **settled(at), "kind": kind, "cost": _cost(n, kind), "total_cost": sum(_cost(n, other) or 0.0 for other in _COLUMNS)}
            for n, at in enumerate(_DAYS) for kind in _COLUMNS
        ],
        name="kinds, one of them not always there, on days of 46 and 50 periods",
    ),
]  # fmt: skip
