"""Registers of the data portal of NESO: tables without a day, stored whenever they changed, for earlier states are not served.

Names and ids of resources, forms of headers and dates: as recorded in October 2026.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry.fields import columns
from collector.registry.model import (
    NESO,
    SNAPSHOT_FILE,
    Dataset,
    Files,
    Instant,
)

_TOLD = "@settlement_date, @snapshot!, @row!, @ordinal!"
_PROJECT = (
    "Project Name, Customer Name, Connection Site, Stage, MW Connected, MW Increase / Decrease, Cumulative Total Capacity (MW), MW Effective From,"
    "Project Status"
)

# Nothing tells two rows apart for sure: all of a row does, and its number among equal ones.
DATASETS = tuple(
    Dataset(
        key=key,
        code=package,
        title=title,
        description=description,
        group="reference",
        kind="snapshot",
        priority=priority,
        first_day=date(2024, 1, 1),
        endpoint=Files(NESO, package, name, SNAPSHOT_FILE, (), pinned=(("", identity),), dates=dates, numbered=(), optional=optional, floor=0.5),
        instant=Instant(("@snapshot",), is_date=True),
        natural_key=("snapshot_date", "row_hash", "ordinal"),
        columns=columns(f"{_TOLD}, {names}"),
        clustering=("snapshot_date",),
        revision_days=(),
        rows_per_day=rows,
        bytes_per_row=size,
        max_age=timedelta(days=14),
        is_confirmed=is_confirmed,
    )
    for key, package, name, identity, title, description, names, dates, optional, rows, size, priority, is_confirmed in (
        (
            "tec_register", "transmission-entry-capacity-tec-register", r"(?i)tec register.*", "17becbab-e3e8-473f-b303-3806f43a6a10",
            "Transmission entry capacity register (NESO)", "Who may feed how much into the transmission system, from when; rows may share every identifier",
            f"{_PROJECT}, Agreement Type, HOST TO, Plant Type, Project ID, Project Number, Gate", ("dd/mm/yyyy", "iso"), ("Gate",), 2_200, 600, "High", True,
        ),
        (
            "interconnector_register", "interconnector-register", r"(?i)interconnector register.*", "64f7908f-f787-4977-93e1-5342a5f1357f",
            "Interconnector register (NESO)", "Capacity of interconnectors, built and contracted",
            "Project Name, Customer Name, Connection Site, Stage, MW Import - Current, MW Export - Current, MW Import - Increase / Decrease,"
            "MW Export - Increase / Decrease, MW Import - Total, MW Export - Total, MW Effective From, Project Status, HOST TO, Project Number, Gate",
            ("iso", "dd/mm/yyyy"), ("Gate",), 33, 600, "Medium", True,
        ),
        (
            "embedded_register", "embedded-register", r"(?i)embedded register.*", "68b6f3a1-e1bf-403b-9062-0269fc758d77",
            "Embedded register (NESO)", "Embedded generation that is connected or contracted, Scotland only",
            f"{_PROJECT}, HOST TO, Plant Type, Project ID, Project Number, Gate", ("iso", "dd/mm/yyyy"), ("Gate",), 560, 600, "Medium", False,
        ),
        (
            "capacity_market_components", "capacity-market-register", r"(?i)components?", "790f5fa0-f8eb-4d82-b98d-0d34d3e404e8",
            "Capacity market register, components (NESO)", "Components of capacity market units; aggregated since 2026-07-22, so that numbers of rows before are others",
            "Auction Name, Application ID, CMU ID, Delivery Year, Component ID, Type, Generating Technology Class, Permitted On Site Generating Unit,"
            "Primary Fuel of Component, Connection or DSR Capacity, De Rated Capacity, Pre Refurbishing De Rated Capacity,"
            "Post Refurbishing De Rated Capacity, Generating Capacity of On Site Generating Unit, Description of CMU Components,"
            "Location and Post Code, OS Grid Reference, Number of Components",
            ("iso",), ("Number of Components",), 30_000, 800, "Medium", True,
        ),
        (
            "portal_known_issues", "data-portal-planned-changes-known-issues", r"(?i).*known issues.*", "23021dfa-a3b8-4f62-93bc-b60186c53fa4",
            "Planned changes and known issues of the data portal (NESO)", "The only log of what changes in the portal and what is wrong with its datasets",
            "po!, Change_Issue_Title, Description, Dataset_Specific, File_Specific, Status, Change_DateTime_From, Change_DateTime_To, Last_Updated, Notes",
            ("iso",), (), 215, 700, "High", True,
        ),
    )
)
