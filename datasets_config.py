"""The registry's door: all datasets that are collected, by key.

What differs between datasets stands in collector/registry/ and nowhere else, as data, a family a module: how the source is
asked, which instant puts a record in its settlement day, what identifies a record, which columns it becomes. Adding a
dataset is adding one entry to a family. Sources of the facts: the Elexon Insights OpenAPI document, the Carbon Intensity
API documentation, and observations of the live APIs where the documents are silent or wrong.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry import (
    carbon_intensity,
    elexon_availability,
    elexon_balancing,
    elexon_demand,
    elexon_dynamic,
    elexon_forecasts,
    elexon_generation,
    elexon_metering,
    elexon_notices,
    elexon_physical,
    elexon_reference,
    elexon_settlement,
    elexon_system,
    elexon_transparency,
    neso_auctions,
    neso_balancing,
    neso_capacity_market,
    neso_demand,
    neso_forecasts,
    neso_operation,
    neso_registers,
)
from collector.registry.model import COMPUTED, Dataset

_FAMILIES = (
    elexon_balancing,
    elexon_generation,
    elexon_demand,
    elexon_settlement,
    elexon_physical,
    elexon_dynamic,
    elexon_forecasts,
    elexon_availability,
    elexon_transparency,
    elexon_metering,
    elexon_notices,
    elexon_system,
    elexon_reference,
    carbon_intensity,
    neso_demand,
    neso_forecasts,
    neso_operation,
    neso_balancing,
    neso_auctions,
    neso_registers,
    neso_capacity_market,
)
# What is collected when nobody says what: the eleven of the public contract, in the order of the work.
DEFAULT_DATASETS = (
    "bid_offer_acceptances", "generation_outturn", "demand_outturn", "system_warnings", "frequency", "fuel_instructions",
    "individual_generation", "market_index", "wind_forecasts", "balancing_services", "carbon_intensity",
)  # fmt: skip
_FOUND = {dataset.key: dataset for family in _FAMILIES for dataset in family.DATASETS}
REGISTRY: dict[str, Dataset] = {key: _FOUND[key] for key in (*DEFAULT_DATASETS, *_FOUND)}
# Several at once. `core` are the eleven; the others are what their datasets are about, `all` are all of them.
GROUPS: dict[str, tuple[str, ...]] = {"core": DEFAULT_DATASETS, "all": tuple(REGISTRY)} | {
    group: tuple(dataset.key for dataset in REGISTRY.values() if dataset.group == group)
    for group in dict.fromkeys(dataset.group for dataset in REGISTRY.values())
}
# Of what is collected when nobody says what; some of the others begin earlier.
FIRST_DAY = min(REGISTRY[key].first_day for key in DEFAULT_DATASETS)


def catalogue() -> str:
    """The registry as a page of Markdown, which is docs/datasets.md: what each dataset is, how much of it there is and what
    the entry rests on. MB are of uncompressed JSON; requests of windows as long as is sensible, on days of 48 periods."""
    rows, first = list[tuple[str, ...]](), date(2024, 6, 1)
    for d in REGISTRY.values():
        days = 1 if d.endpoint.is_snapshot else d.endpoint.max_days
        requests = d.requests(first, first + timedelta(days=days - 1)) / days
        life = f"{d.first_day} to {d.last_day}" if d.last_day else str(d.first_day)
        evidence = "genuine records" if d.is_confirmed else "official document"
        rows.append(
            (f"`{d.key}`", d.code, d.kind, d.group, life, f"{d.bytes_per_day / 1e6:,.3g}", f"{requests:.3g}", evidence)
        )
    head = ("Dataset", "Code", "Kind", "Group", "First day", "MB a day", "Requests a day", "Evidence")
    return "# Datasets\n\nMade from the registry by `datasets_config.catalogue()`.\n\n" + _table(head, rows)


def dictionary() -> str:
    """Every column of every table as a page of Markdown, which is docs/columns.md: its type and unit, what it means, from
    which field of the record it comes, and which columns tell one row from another."""
    page = [
        "# Columns\n\nMade from the registry by `datasets_config.dictionary()`. In **bold** the natural key: one row for each.\n"
    ]
    for d in REGISTRY.values():
        head = ("Column", "Type", "Unit", "Meaning", "Field of the source")
        columns: list[tuple[str, ...]] = [
            (f"**`{c.name}`**" if c.name in d.natural_key else f"`{c.name}`", c.type, c.unit, c.meaning.replace("|", "\\|"),
             "" if c.source in COMPUTED else f"`{c.source}`")
            for c in d.columns
        ]  # fmt: skip
        page.append(f"## {d.table}\n\n{d.title}. {d.description}.\n\n{_table(head, columns)}")
    return "\n".join(page)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table of Markdown."""
    lines = [" | ".join(cells) for cells in (head, ("---",) * len(head), *rows)]
    return "".join(f"| {line} |\n" for line in lines)
