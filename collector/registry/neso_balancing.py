"""Balancing beside the Balancing Mechanism, its volumes and what was skipped, as the data portal of NESO publishes them in files.

Names and headers of resources: as recorded in July and October 2026; there was no row of most to see, see `is_confirmed`.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR
from collector.registry.fields import columns
from collector.registry.model import (
    EVERYTHING,
    FINANCIAL_YEAR,
    MONTH,
    NESO,
    Dataset,
    Files,
    Instant,
    Stamp,
)

_HALF_HOUR = "@settlement_date, @settlement_period, @start!"
_BSAD_PERIOD = Stamp("@start", ("Date", "Settlement Period"), is_period=True)
_BSAD_DATES = ("iso", "dd/mm/yyyy", "dd-mon-yyyy", "dd-mon-yy")
_SKIP = "@settlement_date @settlement_period @start! @row! date bm_unit! fuel bid_offer! pair_id average_price_per_MWh"
_IN_MERIT = f"{_SKIP} stage available_volume_MWh accepted_volume_MWh in_merit_volume_MWh skipped_volume_MWh"
_FIVE_MINUTES = Stamp("@start", ("date",))
_PERIOD_START = Stamp("@start", ("settlement_period_start",))

DATASETS = (
    Dataset(
        key="balancing_volumes",
        code="daily-balancing-volume-balancing-services-use-of-system",
        title="Daily balancing volumes (NESO)",
        description="Volume of balancing by kind in each half hour; restated in place",
        group="balancing",
        kind="restated",
        priority="High",
        first_day=date(2017, 4, 1),
        endpoint=Files(
            NESO, "daily-balancing-volume-balancing-services-use-of-system", r"Daily Balancing Volume (?P<period>20\d\d-20\d\d)", FINANCIAL_YEAR,
            (Stamp("@start", ("SETT_DATE", "SETT_PERIOD"), is_period=True),), dates=("iso", "dd-mon-yyyy", "dd-mon-yy", "dd/mm/yyyy"),
            encodings=("utf-8-sig", "cp1252"),
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time",),
        columns=columns(
            f"{_HALF_HOUR}, SETT_DATE!, SETT_PERIOD!, Energy Imbalance (MWh), Frequency Control Offers (MWh), Frequency Control Bids (MWh),"
            "Positive Reserve (MWh), Constraint Offers (MWh), Constraint Bids (MWh), Negative Reserve (MWh), Other (MWh)",
        ),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=420,
        grid=HALF_HOUR,
        not_before=timedelta(days=14),
        whole_after=timedelta(days=21),
        max_age=timedelta(days=28),
    ),
    Dataset(
        key="aggregated_bsad",
        code="aggregated-bsad",
        title="Balancing services adjustment data, aggregated (NESO)",
        description="Costs, volumes and price adjustments of each half hour since 2013, without 2015-16; the same subject as balancing_services, which goes back to 2016",
        group="balancing",
        kind="restated",
        priority="Low",
        first_day=date(2013, 4, 1),
        endpoint=Files(
            NESO, "aggregated-bsad", r"Aggregated BSAD (?P<period>20\d\d-\d\d)", FINANCIAL_YEAR, (_BSAD_PERIOD,), lacks=("2015-16",), dates=_BSAD_DATES,
            aliases=(
                ("SettlementPeriod", "Settlement Period"), ("EBCA (£)", "EBCA"), ("EBVA (MWh)", "EBVA"), ("SBVA (MWh)", "SBVA"), ("BPA (£/MWh)", "BPA"),
                ("ESCA (£)", "ESCA"), ("ESVA (MWh)", "ESVA"), ("SSVA (MWh)", "SSVA"), ("SPA (£/MWh)", "SPA"),
            ),
            encodings=("utf-8-sig", "cp1252"),
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time",),
        columns=columns(f"{_HALF_HOUR}, Date, Settlement Period, EBCA, EBVA, SBVA, BPA, ESCA, ESVA, SSVA, SPA"),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=240,
        grid=HALF_HOUR,
        not_before=timedelta(days=2),
        max_age=timedelta(days=7),
    ),
    Dataset(
        key="disaggregated_bsad",
        code="disaggregated-bsad",
        title="Balancing services adjustment data, disaggregated (NESO)",
        description="Each action outside the Balancing Mechanism since 2013, without a name of it: all of a row tells it, and its number among equal ones",
        group="balancing",
        kind="restated",
        priority="Low",
        first_day=date(2013, 4, 1),
        endpoint=Files(
            NESO, "disaggregated-bsad", r"Disaggregated BSAD (?P<period>20\d\d-\d\d)", FINANCIAL_YEAR, (_BSAD_PERIOD,), dates=_BSAD_DATES,
            aliases=(
                ("SettlementPeriod", "Settlement Period"), ("Disaggregated BSAD Volume (MWh)", "DisaggregatedBSADVolume"),
                ("Disaggregated BSAD Cost (£)", "DisaggregatedBSADCost"), ("Trade Flag System (T) / Energy (F)", "TradeFlag"), ("Trade Flag", "TradeFlag"),
            ),
            encodings=("utf-8-sig", "cp1252"), numbered=(),
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time", "row_hash", "ordinal"),
        columns=columns(f"{_HALF_HOUR}, @row!, @ordinal!, Date, Settlement Period, DisaggregatedBSADCost, DisaggregatedBSADVolume, TradeFlag"),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=400,
        bytes_per_row=230,
        often_empty=True,
    ),
    Dataset(
        key="gtma_trades",
        code="historic-gtma-grid-trade-master-agreement-trades-data",
        title="Grid trade master agreement trades (NESO)",
        description="Trades of the system operator with its counterparties since April 2015, by start of delivery",
        group="balancing",
        kind="event",
        priority="Low",
        first_day=date(2015, 4, 1),
        # Spring 2021 has two files, one for each system that they came from.
        endpoint=Files(
            NESO, "historic-gtma-grid-trade-master-agreement-trades-data",
            r"Historic GTMA Trades (FY |Data - Apr )(?P<period>20\d\d|\d\d-\d\d)( - March 20\d\d)?", FINANCIAL_YEAR, (Stamp("@start", ("StartTime",)),),
            pinned=(("2021-04..2021-06", "8cf964b6-b94c-4d35-88f4-312834aa6e8c"),), early=1, dates=("iso", "dd/mm/yyyy"),
            aliases=(("Trade ID", "ID"), ("Start Time", "StartTime"), ("End Time", "EndTime"), ("SO Flag", "SO_Flag")),
            optional=("Reason", "Note", "Last_Updated"), encodings=("utf-8-sig", "cp1252"), floor=0.6,
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time", "trade_id"),
        columns=columns(
            "@settlement_date @settlement_period @start! ID! StartTime EndTime Volume Price Cost SO_Flag Reason Note Last_Updated",
            start_time="Start of delivery", price="Price of the trade [GBP/MWh]",
        ),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=100,
        bytes_per_row=260,
        often_empty=True,
    ),
    *(
        Dataset(
            key=key,
            code=package,
            title=f"{title} (NESO)",
            description=f"{title}, of units outside the Balancing Mechanism, as they told the Open Balancing Platform",
            group="physical",
            kind=kind,
            priority="Low",
            first_day=date(2024, 1, 1),
            endpoint=Files(NESO, package, name, EVERYTHING, (Stamp("@start", (at,)),), dates=("iso", "dd/mm/yyyy"), numbered=told_apart, floor=0.5, most=200),
            instant=Instant(("@start",)),
            natural_key=natural_key,
            columns=columns(f"@settlement_date, @settlement_period, @start!, @ordinal!, {names}", start_time="What puts the row in its day"),
            clustering=("unit_id", "start_time"),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=260,
            often_empty=True,
        )
        for key, package, name, kind, title, at, told_apart, natural_key, names, rows in (
            (
                "non_bm_physical_notifications", "obp-non-bm-physical-notifications", r"Non-BM Physical Notifications", "restated", "Physical notifications",
                "Time From", ("Unit ID",), ("start_time", "unit_id", "ordinal"), "Data, Unit ID!, Time From, Level From, Time To, Level To", 1_500,
            ),
            (
                "non_bm_reserve_instructions", "obp-non-bm-reserve-instructions", r"Non-BM Instructions from OBP", "event", "Reserve instructions",
                "Issue Datetime", ("Unit ID", "Instruction ID"), ("start_time", "unit_id", "instruction_id", "ordinal"),
                "Instruction ID, Sequence, Unit ID!, Service ID, Instruction Point Type, Issue Datetime, Point Datetime, Target MW, Target Price,"
                "Instruction Point ID, Instruction Status", 2,
            ),
            (
                "non_bm_reserve_prices", "obp-reserve-availability-utilisation-price", r"Non-BM Reserve Availability MW and Utilisation Price", "restated",
                "Reserve availability and utilisation prices", "Time From", ("Unit ID", "Service ID", "Pair ID"),
                ("start_time", "unit_id", "service_id", "pair_id", "ordinal"),
                "Data, Unit ID!, Time From, Time To, Pair ID, Availability Power, Utilisation Price, Service ID", 400,
            ),
        )
    ),
    # What was in merit and not taken. All months have been issued anew twice, without a version.
    *(
        Dataset(
            key=key,
            code="skip-rates",
            title=f"Skip rates: {title} (NESO)",
            description=f"Skip rates of bids and offers by settlement period: {title}",
            group="balancing",
            kind="restated",
            priority="Medium",
            first_day=date(2024, 12, 1),
            endpoint=Files(NESO, "skip-rates", name, EVERYTHING, (_PERIOD_START,), most=200),
            instant=Instant(("@start",)),
            natural_key=("start_time", *natural_key),
            columns=columns(f"@settlement_date @settlement_period @start! settlement_period_start {names}"),
            clustering=("start_time",),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=size,
            often_empty=True,
        )
        for key, name, title, natural_key, names, rows, size in (
            (
                "skip_rates", r"Skip Rate - Summary", "summary by stage", ("stage",),
                "stage! bm_skip_rate_offers_percent bm_total_volume_skipped_offers_MWh post_system_action_skip_rate_offers_percent"
                " post_system_action_total_volume_skipped_offers_MWh bm_skip_rate_bids_percent bm_total_volume_skipped_bids_MWh"
                " post_system_action_skip_rate_bids_percent post_system_action_total_volume_skipped_bids_MWh", 288, 560,
            ),
            (
                "skip_rates_by_technology", r"Stage 5 PSA Skip Rate by Technology", "by technology at stage 5, after actions for the system", ("bid_offer", "fuel"),
                "bid_offer! fuel! relative_technology_skip_rate technology_specific_skip_rate fuel_in_merit_volume_MWh fuel_skipped_volume_MWh", 200, 330,
            ),
            (
                "skip_rates_of_flexibility", r"Stage 5 DSF Technology-Specific Skip Rate", "of demand side flexibility units at stage 5",
                ("bm_unit", "bid_offer", "fuel"), "bm_unit! bid_offer! fuel in_merit_volume_MWh skipped_volume_MWh technology_specific_skip_rate", 10, 300,
            ),
        )
    ),
    *(
        Dataset(
            key=key,
            code="skip-rates",
            title=f"Skip rates by unit: {title} (NESO)",
            description=f"Skip rates by five minutes, BM unit and bid-offer pair: {title}; what repeats them is told apart by a hash of the row",
            group=group,
            kind="restated",
            priority="Low",
            first_day=date(2024, 12, 1),
            endpoint=Files(NESO, "skip-rates", name, covers, (_FIVE_MINUTES,), most=768, again=365),
            instant=Instant(("@start",)),
            natural_key=("start_time", "bm_unit", "bid_offer", "pair_id", "row_hash"),
            columns=columns(names, start_time="Start of the five minutes"),
            clustering=("bm_unit", "start_time"),
            partition="DAY",
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=360,
            not_before=late,
            often_empty=True,
        )
        for key, name, covers, title, names, group, rows, late in (
            ("skip_rates_in_merit", r"Skip Rate - In Merit All Balancing Mechanism - (?P<period>[A-Z][a-z]+ 20\d\d)", MONTH, "all in merit", _IN_MERIT, "large_archives", 110_000, timedelta(days=40)),
            ("skip_rates_post_system", r"Skip Rate - In Merit Post System Action - (?P<period>[A-Z][a-z]+ 20\d\d)", MONTH, "in merit after actions for the system", _IN_MERIT, "large_archives", 110_000, timedelta(days=40)),
            (
                "skip_rates_exclusions", r"Skip Rate - Exclusion Reasons - (?P<period>[A-Z][a-z]+ 20\d\d)", MONTH, "what was left out, and why",
                f"{_SKIP} excluded_from_accepted_or_feasible_merit_stack exclusion_stage excluded_volume_MWh exclusion_reason", "large_archives", 22_000, timedelta(days=40),
            ),
            ("skip_rates_acceptances", r"Skip Rate - Stage 6 Acceptance", EVERYTHING, "what was accepted at stage 6", f"{_SKIP} stage accepted_volume_MWh", "large_archives", 5_000, None),
            ("skip_rates_in_merit_flexibility", r"In Merit PSA for Demand Side Flexibility Unit", EVERYTHING, "demand side flexibility units in merit", _IN_MERIT, "balancing", 500, None),
        )
    ),
)
