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

_UNIT = (
    "Auction Name, Application ID, CMU ID, Type, Auction, Delivery Year, Name of Applicant, Agent Name, CM Unit Name, Parent Company, Transmission or Distribution,"
    "CM Unit Type, CM Unit Category, Primary Fuel Type, CMU Technology, Storage Facility, Pre Qualification Decision, Opt Out Status, Opt Out Reason,"
    "Maximum Obligation Period, Unproven DSR, New Build Yet to Satisfy FCM, Connection Agreement Deferral Declaration, TEC Deferral, Amount of Credit Cover,"
    "Planning Consents Conditions, Connection or DSR Capacity, Proven DSR Capacity, DSR Bidding Capacity, De Rated Capacity, Pre Refurbishing De Rated Capacity,"
    "Post Refurbishing De Rated Capacity, Pre Refurbishing CMU Status, Anticipated De Rated Capacity, Anticipated Pre Refurbishing De Rated Capacity,"
    "Anticipated Post Refurbishing De Rated Capacity, Date of Issue of DSR Test Certificate, DSR Test Method, CMU confirmed entry into Auction,"
    "Duration of Capacity Agreement in First Bidding Round, Pre Refurbishment Bidding Status, Capacity Agreement Awarded,"
    "Duration of Capacity Agreement Awarded, Unique Agreement Identifier, Registered Holder, Date of Issue of Capacity Agreement,"
    "Term of the Capacity Agreement, Delivery Years for which Agreement Valid, Auction Acquired Capacity Obligation, Is FCM required,"
    "Date for Financial Commitment Milestone, Is Connection Agreement required, Date for provision of deferred Connection Agreement,"
    "Subject to a Minimum Completion Requirement, Subject to Substantial Completion Milestone, Long Stop Date for the Minimum Completion Requirement,"
    "Earliest Date SCM is expected to be achieved, Latest Date SCM is expected to be achieved, Is copy of Grid Connection Agreement required,"
    "Date for provision of deferred TEC, Termination Fee 1 Rate, Termination Fee 2 Rate, Termination Fee 3 Rate, Termination Fee 4 Rate,"
    "Termination Fee 5 Rate, Annual Penalty Cap, Monthly Penalty Cap, Legal Name of any Person with a Security Interest, Nature of the Security Interest,"
    "Capacity Agreement has been Terminated, Date of Termination of Capacity Agreement, List of Traded Capacity Obligations,"
    "Period for which the transfer applies, Capacity obligation Summary, Beta Value, Has Capacity Agreement been Suspended"
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
        # Of persons.
        ignored_fields=("Secondary Trading Contact_Telephone", "Secondary Trading Contact_Email"),
        revision_days=(),
        rows_per_day=rows,
        bytes_per_row=size,
        max_age=timedelta(days=14),
        is_confirmed=True,
    )
    for key, package, name, identity, title, description, names, dates, optional, rows, size, priority in (
        (
            "tec_register", "transmission-entry-capacity-tec-register", r"(?i)tec register.*", "17becbab-e3e8-473f-b303-3806f43a6a10",
            "Transmission entry capacity register (NESO)", "Who may feed how much into the transmission system, from when; rows may share every identifier",
            f"{_PROJECT}, Agreement Type, HOST TO, Plant Type, Project ID, Project Number, Gate", ("dd/mm/yyyy", "iso"), ("Gate",), 2_200, 600, "High",
        ),
        (
            "interconnector_register", "interconnector-register", r"(?i)interconnector register.*", "64f7908f-f787-4977-93e1-5342a5f1357f",
            "Interconnector register (NESO)", "Capacity of interconnectors, built and contracted",
            "Project Name, Customer Name, Connection Site, Stage, MW Import - Current, MW Export - Current, MW Import - Increase / Decrease,"
            "MW Export - Increase / Decrease, MW Import - Total, MW Export - Total, MW Effective From, Project Status, HOST TO, Project Number, Gate",
            ("iso", "dd/mm/yyyy"), ("Gate",), 33, 600, "Medium",
        ),
        (
            "embedded_register", "embedded-register", r"(?i)embedded register.*", "68b6f3a1-e1bf-403b-9062-0269fc758d77",
            "Embedded register (NESO)", "Embedded generation that is connected or contracted, Scotland only",
            f"{_PROJECT}, HOST TO, Plant Type, Project ID, Project Number, Gate", ("iso", "dd/mm/yyyy"), ("Gate",), 560, 600, "Medium",
        ),
        (
            "capacity_market_components", "capacity-market-register", r"(?i)components?", "790f5fa0-f8eb-4d82-b98d-0d34d3e404e8",
            "Capacity market register, components (NESO)", "Components of capacity market units; aggregated since 2026-07-22, so that numbers of rows before are others",
            "Auction Name, Application ID, CMU ID, Delivery Year, Component ID, Type, Generating Technology Class, Permitted On Site Generating Unit,"
            "Primary Fuel of Component, Connection or DSR Capacity, De Rated Capacity, Pre Refurbishing De Rated Capacity,"
            "Post Refurbishing De Rated Capacity, Generating Capacity of On Site Generating Unit, Description of CMU Components,"
            "Location and Post Code, OS Grid Reference, Number of Components",
            ("iso",), ("Number of Components",), 30_000, 800, "Medium",
        ),
        (
            "capacity_market_units", "capacity-market-register", r"Capacity Market Unit \(CMU\)", "25a5fa2e-873d-41c5-8aaf-fbc2b06d79e6",
            "Capacity market register, units (NESO)", "Units, agreements and their terms; telephone numbers and addresses of persons are in the kept file alone",
            _UNIT, ("dd/mm/yyyy", "iso"), (), 18_200, 3_800, "Medium",
        ),
        (
            "capacity_market_auctions", "capacity-market-register", r"Capacity Market Auction Static Data", "784fa703-1460-42cd-a8bb-fba4dcabac8d",
            "Capacity market register, auctions (NESO)", "Clearing price, target and award of each auction",
            "Auction Name, Clearing Price_GBP per kW per year, Base Period for the Agreement, Auction Target Capacity_MW,"
            "Total Volume of Agreements Awarded, Termination Fee 1 Rate, Termination Fee 2 Rate, Termination Fee 3 Rate, Termination Fee 4 Rate,"
            "Termination Fee 5 Rate, Termination Fee 6 Rate, Termination Fee 7 Rate, Termination Fee 8 Rate, Termination Fee 9 Rate, Annual Penalty Cap,"
            "Monthly Penalty Cap",
            ("iso",), (
                "Auction Target Capacity_MW", "Termination Fee 6 Rate", "Termination Fee 7 Rate", "Termination Fee 8 Rate", "Termination Fee 9 Rate",
            ), 27, 700, "Low",
        ),
        (
            "capacity_market_costs", "capacity-market-register", r"Capacity Market Auction Capacity and Cost", "b1b58919-eaa4-40ea-80df-3d3e526f8223",
            "Capacity market register, capacity and cost (NESO)", "Capacity that each auction awarded for each delivery year, and a forecast of its cost",
            "Auction Name, Delivery Year, Capacity Awarded, Forecast Cost_GBP", ("iso",), (), 200, 230, "Low",
        ),
        (
            "capacity_market_de_rating", "capacity-market-register", r"Capacity Market De-Rating Factors", "d94ff98d-39ba-40d6-9672-7433de0631ac",
            "Capacity market register, de-rating factors (NESO)", "De-rating factor of each technology and auction",
            "Auction Name, Primary Fuel Type, Generating Technology Class, De Rating Factor", ("iso",), (), 800, 250, "Low",
        ),
        (
            "bsuos_fixed_tariffs", "bsuos-fixed-tariffs", r"Balancing Services Use of System Charges \(BSUoS\) Tariffs", "4dfa533f-bec6-491b-a3f1-7ce92449bc9a",
            "Balancing services use of system, fixed tariffs (NESO)", "Tariff of each half year, forecast, draft and final",
            "Publication, Fixed Tariff Title, Published Date, Fixed Tariff Start Date, Fixed Tariff End Date, Fixed Tariff_GBP per MWh", ("iso", "dd/mm/yyyy"), (),
            17, 300, "Low",
        ),
        (
            "portal_known_issues", "data-portal-planned-changes-known-issues", r"(?i).*known issues.*", "23021dfa-a3b8-4f62-93bc-b60186c53fa4",
            "Planned changes and known issues of the data portal (NESO)", "The only log of what changes in the portal and what is wrong with its datasets",
            "po!, Change_Issue_Title, Description, Dataset_Specific, File_Specific, Status, Change_DateTime_From, Change_DateTime_To, Last_Updated, Notes",
            ("iso",), (), 215, 700, "High",
        ),
    )
)
