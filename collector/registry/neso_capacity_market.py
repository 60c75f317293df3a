"""Changes of the capacity market register, as the data portal of NESO publishes them in files; the register itself: neso_registers.py.

Names and ids of resources, forms of headers and dates: as recorded in October 2026.
"""

from __future__ import annotations

from datetime import date

from collector.registry.fields import columns
from collector.registry.model import (
    EVERYTHING,
    NESO,
    Blank,
    Dataset,
    Files,
    Instant,
    Stamp,
)

_CHANGE = "@settlement_date, @start!, @row!, @ordinal!, Change Date!, Auction Name, Application ID, CMU ID, Type, Delivery Year, Attribute, Previous, Latest, Change Type"
# What is told of persons stays in the kept file alone.
_PERSONS = Blank(
    "Attribute",
    (
        "Secondary Trading Contact - Telephone", "Secondary Trading Contact - Email", "Secondary Trading Contact_Telephone",
        "Secondary Trading Contact_Email",
    ),
    ("Previous", "Latest"),
)  # fmt: skip

DATASETS = tuple(
    Dataset(
        key=key,
        code="capacity-market-register",
        title=f"Capacity market register, changes of {what} (NESO)",
        description=f"What changed in the register of {what}, by field; all of a row tells it, and its number among equal ones",
        group=group,
        kind="event",
        priority="Low",
        first_day=date(2025, 12, 10),
        last_day=last_day,
        endpoint=Files(
            NESO, "capacity-market-register", name, EVERYTHING, (Stamp("@start", ("Change Date",), is_utc=False),), pinned=(("", identity),),
            dates=("iso", "dd/mm/yyyy"), nulls=("",), blanks=(_PERSONS,), numbered=(), most=768, floor=0.5, again=365,
        ),
        instant=Instant(("@start",)),
        natural_key=("change_date", "row_hash", "ordinal"),
        columns=columns(names, start_time="Beginning of the day"),
        clustering=("cmu_id",),
        revision_days=(),
        rows_per_day=rows,
        bytes_per_row=420,
        often_empty=True,
        is_confirmed=True,
    )
    for key, name, identity, what, group, last_day, names, rows in (
        (
            "capacity_market_unit_changes", r"Capacity Market Unit \(CMU\) History", "cd034839-73e7-4c37-b4e5-6ebea25627d8", "units", "reference", None, _CHANGE, 170,
        ),
        (
            "capacity_market_component_changes", r"Component History", "62bca39c-d4f0-4cd6-b2ff-8ef42dca7f23", "components", "reference", None,
            f"{_CHANGE}, Component ID", 100,
        ),
        # Before components were put together, nearly two million rows of half a year.
        (
            "capacity_market_changes_before", r"(?i)Component History.*pre.*", "015453e0-c73c-416a-901d-623f914c8e70",
            "components until their aggregation on 2026-07-22", "large_archives", date(2026, 7, 22), f"{_CHANGE}, Component ID", 8_500,
        ),
    )
)
