from datetime import date

from views.bm_units_as_of import register
from views.common import LONG, SHORT, Case, half_hours, rows, settled

# Twice in one snapshot: the row of the output stays one.
_REGISTER = register((date(2024, 6, 1), "T_A", "CCGT", 400.0), (date(2024, 6, 1), "T_Z", "OCGT", 0.0), (date(2024, 10, 27), "T_A", "CCGT", 500.0))
_REGISTER["elexon_bm_units"].append({**_REGISTER["elexon_bm_units"][0], "national_grid_bm_unit": "Z"})
_DAYS = [*half_hours(SHORT, LONG)]
CASES = [
    Case(
        _REGISTER | rows("elexon_individual_generation", *({"start_time": at, "bm_unit": unit, "quantity": n - 20.0} for n, at in enumerate(_DAYS) for unit in ("T_A", "T_NEW", "T_Z"))),
        [
            {"start_time": at, **settled(at), "bm_unit": unit, "volume": n - 20.0, "technology": {"T_A": "CCGT", "T_Z": "OCGT" if at < _DAYS[46] else None}.get(unit),
             "capacity_factor": (n - 20.0) / (200 if at < _DAYS[46] else 250) if unit == "T_A" else None,
             "is_capacity_of_later_day": at < _DAYS[46] if unit == "T_A" or (unit == "T_Z" and at < _DAYS[46]) else None}
            for n, at in enumerate(_DAYS) for unit in ("T_A", "T_NEW", "T_Z")
        ],
        name="before the first snapshot, after a change, and not in the register",
    ),
]  # fmt: skip
