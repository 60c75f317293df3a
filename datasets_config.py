#!/usr/bin/env python3
"""The registry's door: all datasets that are collected, by key.

What differs between datasets stands in collector/registry/ and nowhere else, as data, a family a module: how the source is
asked, which instant puts a record in its settlement day, what identifies a record, which columns it becomes. Adding a
dataset is adding one entry to a family. Sources of the facts: the Elexon Insights OpenAPI document, the Carbon Intensity
API documentation, and observations of the live APIs where the documents are silent or wrong.

Run as a program it prints the keys that the deploy script collects, one a line: `datasets_config.py [DAY [KEY...]]` those of
KEY..., by default the eleven, that begin by DAY.
"""

from __future__ import annotations

from datetime import date

from collector.registry import (
    carbon_intensity,
    elexon_balancing,
    elexon_demand,
    elexon_generation,
    elexon_system,
    neso_demand,
    neso_forecasts,
    neso_operation,
    neso_registers,
)
from collector.registry.model import Dataset

_FAMILIES = (elexon_balancing, elexon_generation, elexon_demand, elexon_system, carbon_intensity, neso_demand, neso_forecasts, neso_operation, neso_registers)
# What is collected when nobody says what: the eleven of the public contract, in the order of the work.
DEFAULT_DATASETS = (
    "bid_offer_acceptances", "generation_outturn", "demand_outturn", "system_warnings", "frequency", "fuel_instructions",
    "individual_generation", "market_index", "wind_forecasts", "balancing_services", "carbon_intensity",
)  # fmt: skip
_FOUND = {dataset.key: dataset for family in _FAMILIES for dataset in family.DATASETS}
REGISTRY: dict[str, Dataset] = {key: _FOUND[key] for key in (*DEFAULT_DATASETS, *_FOUND)}
# Of what is collected when nobody says what; some of the others begin earlier.
FIRST_DAY = min(REGISTRY[key].first_day for key in DEFAULT_DATASETS)


if __name__ == "__main__":
    import sys

    until = date.fromisoformat(sys.argv[1]) if len(sys.argv) > 1 else date.max
    print("\n".join(key for key in sys.argv[2:] or DEFAULT_DATASETS if REGISTRY[key].first_day <= until))
