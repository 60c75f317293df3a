"""Dynamic parameters of BM units: one row when a value changes, so that most units have none on most days."""

from __future__ import annotations

from datetime import date

from collector.registry.common import READ_AGAIN
from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    Check,
    Dataset,
    Endpoint,
    Instant,
)

_RATES, _RATE = "rate1 elbow2 rate2 elbow3 rate3", (("rate1", 0, 10_000),)
_MINUTES = 10_080
# Code, key, what it is, what it says, its fields, bounds of them, rows a day, bytes a row.
_KINDS = (
    ("SEL", "stable_export_limits", "Stable Export Limit", "Least output at which a unit can stably export", "level", (("level", 0, 5_000),), 80, 161),
    ("SIL", "stable_import_limits", "Stable Import Limit", "Least demand at which a unit can stably import", "level", (("level", -5_000, 0),), 15, 161),
    ("RURE", "run_up_rates_export", "Run Up Rate Export", "How fast an exporting unit can raise its output, by range", _RATES, _RATE, 70, 216),
    ("RURI", "run_up_rates_import", "Run Up Rate Import", "How fast an importing unit can lower its demand, by range", _RATES, _RATE, 1, 216),
    ("RDRE", "run_down_rates_export", "Run Down Rate Export", "How fast an exporting unit can lower its output, by range", _RATES, _RATE, 11, 216),
    ("RDRI", "run_down_rates_import", "Run Down Rate Import", "How fast an importing unit can raise its demand, by range", _RATES, _RATE, 1, 216),
    ("NDZ", "notices_to_deviate_from_zero", "Notice to Deviate from Zero", "Minutes that a unit at zero needs until it exports or imports", "notice", (("notice", 0, _MINUTES),), 43, 163),
    ("NTO", "notices_to_deliver_offers", "Notice to Deliver Offers", "Minutes from an acceptance until a unit delivers an offer", "notice", (("notice", 0, _MINUTES),), 12, 163),
    ("NTB", "notices_to_deliver_bids", "Notice to Deliver Bids", "Minutes from an acceptance until a unit delivers a bid", "notice", (("notice", 0, _MINUTES),), 12, 163),
    ("MZT", "minimum_zero_times", "Minimum Zero Time", "Minutes that a unit brought to zero has to stay there", "periodMin", (("period_min", 0, _MINUTES),), 26, 167),
    ("MNZT", "minimum_non_zero_times", "Minimum Non-Zero Time", "Minutes that a unit brought from zero has to stay away from it", "periodMin", (("period_min", 0, _MINUTES),), 39, 167),
    ("MDV", "maximum_delivery_volumes", "Maximum Delivery Volume", "Most that a unit can deliver within its maximum delivery period", "volumeMax", (("volume_max", 0, 100_000),), 1, 166),
    ("MDP", "maximum_delivery_periods", "Maximum Delivery Period", "Minutes for which the maximum delivery volume is meant", "periodMax", (("period_max", 0, _MINUTES),), 1, 167),
)  # fmt: skip

DATASETS = tuple(
    Dataset(
        key=key,
        code=code,
        title=f"{name} ({code})",
        description=f"{meaning}; a row a change",
        group="physical",
        kind="event",
        priority="Low",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, f"/datasets/{code}/stream?from={{from}}&to={{to}}", max_days=31),
        instant=Instant(("time",)),
        # Two values of one moment have not been seen; the loader tells of them as a conflict.
        natural_key=("national_grid_bm_unit", "bm_unit", "time"),
        columns=columns(f"@settlement_date @settlement_period time! nationalGridBmUnit bmUnit {fields} settlementDate settlementPeriod", settlement_period="Settlement period, 1 to 46, 48 or 50, of time"),
        clustering=("national_grid_bm_unit",),
        revision_days=READ_AGAIN,
        rows_per_day=rows,
        bytes_per_row=size,
        often_empty=True,
        checks=tuple(Check(column, low, high) for column, low, high in bounds),
    )
    for code, key, name, meaning, fields, bounds, rows, size in _KINDS
)
