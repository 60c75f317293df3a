"""The registry: every dataset that is collected, as data.

All that differs between datasets stands here and nowhere else: how the source is asked, which instant puts a record
in its settlement day, what identifies a record, which columns it becomes. Adding a dataset is adding one entry to
REGISTRY. Sources of the facts: the Elexon Insights OpenAPI document, the Carbon Intensity API documentation, and
observations of the live APIs where the documents are silent or wrong.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from collector.base.gb_calendar import HALF_HOUR, UTC, period_start
from collector.registry.model import (
    FIFTEEN_SECONDS,
    FIVE_MINUTES,
    INSTANT,
    SETTLEMENT_DATE,
    SETTLEMENT_PERIOD,
    Asked,
    Column,
    Dataset,
    Hole,
    Host,
    Instant,
    Plausible,
    Window,
)


def _date_column(source: str = SETTLEMENT_DATE) -> Column:
    return Column("settlement_date", "DATE", source, "GB settlement day of the record", "Europe/London", True)


def _period_column(meaning: str = "Settlement period, 1 to 46, 48 or 50, of the record's instant") -> Column:
    return Column("settlement_period", "INT64", SETTLEMENT_PERIOD, meaning, required=True)


_SETTLEMENT = (_date_column(), _period_column())
_LABELS = (
    Column("settlement_date_label", "DATE", "settlementDate", "Settlement date as published; may be a day late before 2022-07-15"),
    Column("settlement_period_label", "INT64", "settlementPeriod", "Settlement period as published"),
)  # fmt: skip
_START = Column("start_time", "TIMESTAMP", "startTime", "Start of the half hour", "UTC", True)
_PUBLISHED = Column("publish_time", "TIMESTAMP", "publishTime", "Time of publication as stated by the source", "UTC")
# When a day is read again, in days after its end. Of what is younger than a week one request a day brings all.
_READ_AGAIN = (1, 5, 13, 28)
# MW. Most that was ever published, with room to grow; of interconnectors the capacity and 15 to 20 % (the cables of one
# link are one code). A code that is not here has the bounds of the rule.
_FUEL_BOUNDS = (
    ("BIOMASS", 0, 4_500), ("CCGT", 0, 32_000), ("COAL", 0, 22_000), ("NPSHYD", 0, 1_600), ("NUCLEAR", 0, 10_500), ("OCGT", 0, 2_500),
    ("OIL", 0, 2_000), ("OTHER", -500, 5_000), ("PS", -3_400, 3_400), ("WIND", 0, 32_000),
    ("INTELEC", -1_200, 1_200), ("INTEW", -600, 600), ("INTFR", -2_300, 2_300), ("INTGRNL", -600, 600), ("INTIFA2", -1_200, 1_200),
    ("INTIRL", -600, 600), ("INTNED", -1_200, 1_200), ("INTNEM", -1_200, 1_200), ("INTNSL", -1_650, 1_650), ("INTVKL", -1_650, 1_650),
)  # fmt: skip
# Published as zeros while the rest of the country ran on: 50 half hours of FUELHH in 2017 to 2025.
_FUEL_ZEROS = Plausible("generation", not_all_zero=("CCGT", "NUCLEAR", "WIND"), never_zero=("BIOMASS", "CCGT", "NUCLEAR", "WIND"))


def _hole(day: date, first: int, last: int, note: str) -> Hole:
    """Settlement periods first to last of a day."""
    return Hole(period_start(day, first), period_start(day, last) + HALF_HOUR, note)


def _adjustment(name: str, source: str, meaning: str, unit: str) -> Column:
    return Column(name, "FLOAT64", source, meaning, unit)


_DATASETS = (
    Dataset(
        key="bid_offer_acceptances",
        code="BOALF",
        title="Bid Offer Acceptance Levels (BOALF)",
        description="Instructions to BM units in the Balancing Mechanism, one row a linear ramp segment",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_bid_offer_acceptances",
        window=Window("/datasets/BOALF/stream", max_days=1),
        instant=Instant(("timeFrom",)),
        # Either name of the unit may be null.
        natural_key=("national_grid_bm_unit", "bm_unit", "acceptance_number", "time_from"),
        version="amendment_flag",
        version_order=("ORI", "UPD", "DEL"),
        columns=(
            _date_column(),
            _period_column("Settlement period, 1 to 46, 48 or 50, of time_from"),
            Column("time_from", "TIMESTAMP", "timeFrom", "Start of the segment", "UTC", True),
            Column("time_to", "TIMESTAMP", "timeTo", "End of the segment", "UTC"),
            Column("level_from", "INT64", "levelFrom", "Level at the start of the segment", "MW"),
            Column("level_to", "INT64", "levelTo", "Level at the end of the segment", "MW"),
            Column("national_grid_bm_unit", "STRING", "nationalGridBmUnit", "BM unit, NESO's identifier"),
            Column("bm_unit", "STRING", "bmUnit", "BM unit, Elexon's identifier"),
            Column("acceptance_number", "INT64", "acceptanceNumber", "Number of the acceptance; shared by units"),
            Column("acceptance_time", "TIMESTAMP", "acceptanceTime", "When the acceptance was issued", "UTC"),
            Column("deemed_bo_flag", "BOOL", "deemedBoFlag", "Deemed bid-offer acceptance"),
            Column("so_flag", "BOOL", "soFlag", "Taken for system rather than energy reasons"),
            Column("amendment_flag", "STRING", "amendmentFlag", "ORI original, UPD updated, DEL deleted"),
            Column("stor_flag", "BOOL", "storFlag", "Short Term Operating Reserve"),
            Column("rr_flag", "BOOL", "rrFlag", "Replacement Reserve"),
            Column("settlement_date_label", "DATE", "settlementDate", "Settlement date of time_from as published"),
            Column("settlement_period_from", "INT64", "settlementPeriodFrom", "First settlement period as published"),
            Column("settlement_period_to", "INT64", "settlementPeriodTo", "Last settlement period as published"),
        ),
        clustering=("national_grid_bm_unit", "settlement_date"),
        partition="DAY",
        # A day is a request of its own.
        revision_days=(1, 5, 28),
        rows_per_day=27_000,
        bytes_per_row=400,
        has_usual_size=True,
        max_age=timedelta(hours=12),
        data_status=True,
        counted_by=("settlementDate", "settlementPeriodFrom"),
        holes=(
            _hole(date(2025, 10, 14), 20, 21, "no acceptances were published"),
            _hole(date(2025, 11, 23), 29, 29, "no acceptances were published"),
            _hole(date(2026, 1, 18), 26, 26, "no acceptances were published"),
            _hole(date(2026, 6, 23), 8, 8, "no acceptances were published"),
        ),
        plausible=(Plausible("level_from", -5_000, 5_000), Plausible("level_to", -5_000, 5_000)),
        series=("national_grid_bm_unit",),
    ),
    Dataset(
        key="generation_outturn",
        code="FUELHH",
        title="Half-hourly generation by fuel type (FUELHH)",
        description="Average generation and interconnector flow by fuel type in each half hour",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_generation_outturn",
        # Rows up to 2022-07-14 carry a late settlementDate on the last period of the day (measured over ten years).
        window=Window(
            "/datasets/FUELHH/stream", "settlementDateFrom", "settlementDateTo", Asked.DATES, max_days=31,
            edge=HALF_HOUR, labels_wrong_until=date(2022, 7, 15),
        ),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            _START,
            _PUBLISHED,
            Column("fuel_type", "STRING", "fuelType", "Fuel code; INT... are interconnectors, PS pumped storage", required=True),
            Column("generation", "INT64", "generation", "Average output over the half hour; + is import or generation", "MW"),
            *_LABELS,
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=_READ_AGAIN,
        rows_per_day=960,
        bytes_per_row=182,
        grid=HALF_HOUR,
        max_age=timedelta(hours=6),
        plausible=(
            Plausible("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS),
            _FUEL_ZEROS,
            # Interconnectors do: 694 MW, or -4 MW at rest, for days (2022 as published).
            Plausible("generation", still_hours=24, of="fuel_type NOT LIKE 'INT%'"),
        ),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
    ),
    Dataset(
        key="demand_outturn",
        code="INDO + ITSDO",
        title="Initial demand outturn (INDO and ITSDO)",
        description="National and transmission system demand of each half hour",
        priority="Very High",
        first_day=date(2016, 3, 1),
        table="elexon_demand_outturn",
        window=Window("/demand/outturn/stream", "settlementDateFrom", "settlementDateTo", Asked.DATES, max_days=92),
        instant=Instant(("startTime",)),
        natural_key=("start_time",),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            _START,
            _PUBLISHED,
            Column("initial_demand_outturn", "INT64", "initialDemandOutturn", "National demand (INDO), average", "MW"),
            Column(
                "initial_transmission_system_demand_outturn", "INT64", "initialTransmissionSystemDemandOutturn",
                "Transmission system demand (ITSDO): with exports, pumping and station load, average", "MW",
            ),
            *_LABELS,
        ),
        ignored_fields=(),
        clustering=("start_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=200,
        grid=HALF_HOUR,
        values=("initialDemandOutturn", "initialTransmissionSystemDemandOutturn"),
        max_age=timedelta(hours=6),
        plausible=(
            Plausible("initial_demand_outturn", 8_000, 65_000, still_hours=3),
            Plausible("initial_transmission_system_demand_outturn", 8_000, 70_000, still_hours=3),
        ),
    ),
    Dataset(
        key="system_warnings",
        code="SYSWARN",
        title="System warnings (SYSWARN)",
        description="Notices of the system operator: margin notices, outages of systems, cancellations",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_system_warnings",
        window=Window("/datasets/SYSWARN/stream", "publishDateTimeFrom", "publishDateTimeTo", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "warning_type", "warning_text"),
        columns=(
            _date_column(),
            Column("publish_time", "TIMESTAMP", "publishTime", "Time of publication", "UTC", True),
            Column("warning_type", "STRING", "warningType", "Type of warning; a cancellation has the type of what it cancels"),
            Column("warning_text", "STRING", "warningText", "Text as published; times in it are UK local time"),
        ),
        clustering=("warning_type",),
        revision_days=_READ_AGAIN,
        rows_per_day=2,
        bytes_per_row=1_200,
        often_empty=True,
    ),
    Dataset(
        key="frequency",
        code="FREQ",
        title="System frequency (FREQ)",
        description="Frequency of the GB system every 15 seconds",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_frequency",
        window=Window("/datasets/FREQ/stream", "measurementDateTimeFrom", "measurementDateTimeTo"),
        instant=Instant(("measurementTime",)),
        natural_key=("measurement_time",),
        columns=(
            *_SETTLEMENT,
            Column("measurement_time", "TIMESTAMP", "measurementTime", "Time of the measurement", "UTC", True),
            Column("frequency", "FLOAT64", "frequency", "System frequency", "Hz"),
        ),
        clustering=("measurement_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=79,
        grid=FIFTEEN_SECONDS,
        max_age=timedelta(hours=6),
        data_status=True,
        plausible=(Plausible("frequency", 47, 53, still_hours=0.25),),
    ),
    Dataset(
        key="fuel_instructions",
        code="FUELINST",
        title="Instantaneous generation by fuel type (FUELINST)",
        description="Generation and interconnector flow by fuel type every five minutes",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_fuel_instructions",
        # Published five minutes after the start, or, after an outage, with a whole backlog: 15,360 s late at most in
        # 10.7 million rows. A day more costs a sixth of a week's answer, and as much again of a single day's.
        window=Window(
            "/datasets/FUELINST/stream", "publishDateTimeFrom", "publishDateTimeTo", stamp="publishTime",
            reach=timedelta(hours=25), max_days=7,
        ),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version="publish_time",
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", "startTime", "Start of the five minutes", "UTC", True),
            _PUBLISHED,
            Column("fuel_type", "STRING", "fuelType", "Fuel code; INT... are interconnectors, PS pumped storage", required=True),
            Column("generation", "INT64", "generation", "Output; + is import or generation", "MW"),
            *_LABELS,
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=_READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=182,
        grid=FIVE_MINUTES,
        max_age=timedelta(hours=6),
        plausible=(Plausible("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS), _FUEL_ZEROS),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
    ),
    Dataset(
        key="individual_generation",
        code="B1610",
        title="Actual generation per BM unit (B1610)",
        description="Metered volume of every BM unit in each half hour, of the latest settlement run",
        priority="Very High",
        first_day=date(2016, 1, 1),
        table="elexon_individual_generation",
        # A day is about 440,000 records and 100 MB of JSON.
        window=Window("/datasets/B1610/stream", max_days=1),
        instant=Instant(("halfHourEndTime",), -HALF_HOUR),
        natural_key=("bm_unit", "start_time"),
        version="settlement_run_type",
        version_order=("II", "SF", "R1", "R2", "R3", "RF", "DF"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            Column("half_hour_end_time", "TIMESTAMP", "halfHourEndTime", "End of the half hour", "UTC"),
            Column("bm_unit", "STRING", "bmUnit", "BM unit, Elexon's identifier"),
            Column("national_grid_bm_unit_id", "STRING", "nationalGridBmUnitId", "BM unit, NESO's identifier; null for many demand units"),
            Column("psr_type", "STRING", "psrType", "Kind of power system resource"),
            Column("settlement_run_type", "STRING", "settlementRunType", "Settlement run: II, SF, R1, R2, R3, RF"),
            Column("quantity", "FLOAT64", "quantity", "Metered volume of the half hour; may be negative", "MWh"),
            *_LABELS,
        ),
        clustering=("bm_unit", "settlement_date"),
        partition="DAY",
        revision_days=(),
        settlement_runs=True,
        rows_per_day=440_000,
        bytes_per_row=228,
        grid=HALF_HOUR,
        has_usual_size=True,
        # First published after five working days, a week at least; twelve days over Christmas.
        not_before=timedelta(days=5),
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        plausible=(Plausible("quantity", -3_000, 3_000),),
        series=("bm_unit",),
    ),
    Dataset(
        key="market_index",
        code="MID",
        title="Market index data (MID)",
        description="Price and volume of short-term trading in each half hour; N2EXMIDP is 0/0 in nearly all rows, which is no price",
        priority="Medium",
        first_day=date(2016, 9, 29),
        table="elexon_market_index",
        window=Window("/datasets/MID/stream", max_days=31),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "data_provider"),
        columns=(
            *_SETTLEMENT,
            _START,
            Column("data_provider", "STRING", "dataProvider", "APXMIDP, or N2EXMIDP whose rows are nearly all zeros", required=True),
            Column("price", "FLOAT64", "price", "Market index price; 0 with volume 0 is no report", "GBP/MWh"),
            Column("volume", "FLOAT64", "volume", "Traded volume", "MWh"),
            *_LABELS,
        ),
        clustering=("data_provider",),
        revision_days=_READ_AGAIN,
        rows_per_day=96,
        bytes_per_row=158,
        grid=HALF_HOUR,
        max_age=timedelta(hours=12),
        plausible=(
            Plausible("price", -500, 6_000, still_hours=6),
            Plausible("price", zero="N2EXMIDP's zeros, which are no price", of="data_provider = 'N2EXMIDP'"),
            Plausible("price", zero="half hours without a report", of="data_provider != 'N2EXMIDP'"),
            Plausible("volume", 0, 20_000),
        ),
        series=("data_provider",),
        known_series=("APXMIDP", "N2EXMIDP"),
    ),
    Dataset(
        key="wind_forecasts",
        code="WINDFOR",
        title="Wind generation forecast (WINDFOR)",
        description="Hourly wind forecasts, every issue kept: 4 a day until 2019-09, 8 since",
        priority="High",
        first_day=date(2016, 3, 1),
        table="elexon_wind_forecasts",
        window=Window("/datasets/WINDFOR/stream", "publishDateTimeFrom", "publishDateTimeTo", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "start_time"),
        columns=(
            _date_column(),
            Column("publish_time", "TIMESTAMP", "publishTime", "Issue of the forecast; puts the row in its day", "UTC", True),
            Column("start_time", "TIMESTAMP", "startTime", "Start of the hour that is forecast", "UTC", True),
            Column("generation", "INT64", "generation", "Forecast wind output, curtailment not deducted", "MW"),
        ),
        clustering=("publish_time",),
        revision_days=_READ_AGAIN,
        rows_per_day=584,
        bytes_per_row=112,
        has_issues=True,
        has_usual_size=True,
        max_age=timedelta(hours=18),
        plausible=(Plausible("generation", 0, 40_000),),
        series=("publish_time",),
    ),
    Dataset(
        key="balancing_services",
        code="NETBSAD",
        title="Net balancing services adjustment data (NETBSAD)",
        description="Net cost and volume of balancing services outside the Balancing Mechanism, by half hour",
        priority="High",
        first_day=date(2016, 1, 1),
        table="elexon_balancing_services",
        window=Window("/datasets/NETBSAD/stream", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            _adjustment("net_buy_price_cost_adjustment_energy", "netBuyPriceCostAdjustmentEnergy", "Net buy cost, energy (EBCA)", "GBP"),
            _adjustment("net_buy_price_volume_adjustment_energy", "netBuyPriceVolumeAdjustmentEnergy", "Net buy volume, energy (EBVA)", "MWh"),
            _adjustment("net_buy_price_volume_adjustment_system", "netBuyPriceVolumeAdjustmentSystem", "Net buy volume, system (SBVA)", "MWh"),
            _adjustment("buy_price_price_adjustment", "buyPricePriceAdjustment", "Buy price adjustment (BPA)", "GBP/MWh"),
            _adjustment("net_sell_price_cost_adjustment_energy", "netSellPriceCostAdjustmentEnergy", "Net sell cost, energy (ESCA)", "GBP"),
            _adjustment("net_sell_price_volume_adjustment_energy", "netSellPriceVolumeAdjustmentEnergy", "Net sell volume, energy (ESVA)", "MWh"),
            _adjustment("net_sell_price_volume_adjustment_system", "netSellPriceVolumeAdjustmentSystem", "Net sell volume, system (SSVA)", "MWh"),
            _adjustment("sell_price_price_adjustment", "sellPricePriceAdjustment", "Sell price adjustment (SPA)", "GBP/MWh"),
        ),
        clustering=("settlement_date",),
        revision_days=(*_READ_AGAIN, 36),
        rows_per_day=48,
        bytes_per_row=373,
        grid=HALF_HOUR,
        # A day is published at noon of the next.
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        plausible=(
            Plausible("buy_price_price_adjustment", -1_000, 10_000),
            Plausible("sell_price_price_adjustment", -1_000, 10_000),
            *(Plausible(f"net_{side}_price_cost_adjustment_energy", -20_000_000, 20_000_000) for side in ("buy", "sell")),
            *(Plausible(f"net_{side}_price_volume_adjustment_{kind}", -20_000, 20_000) for side in ("buy", "sell") for kind in ("energy", "system")),
        ),
    ),
    Dataset(
        key="carbon_intensity",
        code="Carbon Intensity API",
        title="Carbon intensity of GB electricity (NESO)",
        description="Forecast and actual carbon intensity of each half hour; the forecast is overwritten until it starts",
        priority="Medium",
        first_day=date(2017, 9, 19),
        table="neso_carbon_intensity",
        host=Host.CARBON,
        # A request that starts on a half hour also returns the one that ends there; 14 days is the documented limit.
        window=Window(
            "/intensity/{first}/{last}", asked=Asked.PATH, max_days=14, edge=HALF_HOUR, split_years=True
        ),
        instant=Instant(("from",)),
        natural_key=("from_time",),
        columns=(
            *_SETTLEMENT,
            Column("from_time", "TIMESTAMP", "from", "Start of the half hour", "UTC", True),
            Column("to_time", "TIMESTAMP", "to", "End of the half hour", "UTC"),
            Column("intensity_forecast", "INT64", "intensity.forecast", "Last forecast before the half hour", "gCO2/kWh"),
            Column("intensity_actual", "INT64", "intensity.actual", "Estimated actual; 0 marks a glitch, not clean power", "gCO2/kWh"),
            Column("intensity_index", "STRING", "intensity.index", "Band of the actual, else of the forecast; bands move each year"),
        ),
        clustering=("from_time",),
        ignored_fields=(),
        revision_days=_READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=115,
        grid=HALF_HOUR,
        values=("intensity.actual",),
        max_age=timedelta(hours=6),
        holes=(
            Hole(datetime(2023, 1, 26, 13, 30, tzinfo=UTC), datetime(2023, 1, 26, 16, 0, tzinfo=UTC), "actuals that never came"),
            Hole(datetime(2023, 10, 20, 22, 0, tzinfo=UTC), datetime(2023, 10, 22, 19, 30, tzinfo=UTC), "an outage of the source"),
        ),
        plausible=(
            Plausible("intensity_forecast", 0, 700, still_hours=12),
            Plausible("intensity_actual", 0, 700, still_hours=12, zero="a glitch of the source, not clean power"),
        ),
    ),
    Dataset(
        key="balancing_services_disaggregated",
        code="DISBSAD",
        title="Disaggregated balancing services adjustment data (DISBSAD)",
        description="Each balancing service action outside the Balancing Mechanism; a half hour without has a zero row",
        priority="Medium",
        first_day=date(2016, 1, 1),
        table="elexon_balancing_services_disaggregated",
        window=Window("/datasets/DISBSAD/stream", max_days=31),
        instant=Instant(("settlementDate", "settlementPeriod")),
        natural_key=("settlement_date", "settlement_period", "id"),
        columns=(
            *_SETTLEMENT,
            Column("start_time", "TIMESTAMP", INSTANT, "Start of the half hour", "UTC", True),
            Column("id", "INT64", "id", "Number of the action within the half hour", required=True),
            Column("cost", "FLOAT64", "cost", "Cost of the action", "GBP"),
            Column("volume", "FLOAT64", "volume", "Volume of the action", "MWh"),
            Column("so_flag", "BOOL", "soFlag", "Taken for system rather than energy reasons"),
            Column("stor_flag", "BOOL", "storFlag", "Short Term Operating Reserve"),
            Column("party_id", "STRING", "partyId", "Party that provided the service"),
            Column("asset_id", "STRING", "assetId", "Asset that provided the service"),
            Column("is_tendered", "BOOL", "isTendered", "Whether the service was tendered"),
            Column("service", "STRING", "service", "Kind of service, e.g. Energy or System"),
        ),
        clustering=("settlement_date",),
        revision_days=(*_READ_AGAIN, 36),
        rows_per_day=370,
        bytes_per_row=198,
        grid=HALF_HOUR,
        has_usual_size=True,
        whole_after=timedelta(days=2),
        max_age=timedelta(days=4),
        data_status=True,
        plausible=(Plausible("cost", -10_000_000, 10_000_000), Plausible("volume", -10_000, 10_000)),
    ),
)

REGISTRY: dict[str, Dataset] = {dataset.key: dataset for dataset in _DATASETS}
# What the deploy script collects when it is not told: the eleven of the public contract.
DEFAULT_DATASETS: tuple[str, ...] = tuple(key for key in REGISTRY if key != "balancing_services_disaggregated")
FIRST_DAY = min(dataset.first_day for dataset in _DATASETS)
