"""What metering tells of trading units and of classes of customers."""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR
from collector.registry.common import READ_AGAIN
from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    Check,
    Dataset,
    Endpoint,
    Instant,
)

DATASETS = (
    Dataset(
        key="trading_units",
        code="TUDM",
        title="Trading unit delivery mode (TUDM)",
        description="Import and export of every trading unit in each half hour, of the latest settlement run",
        group="settlement",
        kind="restated",
        priority="Medium",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/TUDM/stream?settlementDateFrom={first_date}&settlementPeriodFrom=1&settlementDateTo={last_date}&settlementPeriodTo=50", max_days=1),
        instant=Instant(("startTime",)),
        natural_key=("trading_unit_name", "trading_unit_type", "start_time"),
        version=("settlement_run_type", "file_creation_time"),
        version_order=("II", "SF", "R1", "R2", "R3", "RF", "DF"),
        columns=columns(
            "@settlement_date @settlement_period startTime! tradingUnitName tradingUnitType settlementRunType deliveryMode importVolume exportVolume netVolume fileCreationTime serialNumber settlementDate settlementPeriod",
        ),
        clustering=("trading_unit_name", "settlement_date"),
        revision_days=(),
        rows_per_day=15_000,
        bytes_per_row=357,
        settlement_runs=True,
        grid=HALF_HOUR,
        not_before=timedelta(days=5),
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        checks=(Check("import_volume", -5_000, 5_000), Check("export_volume", -5_000, 5_000), Check("net_volume", -5_000, 5_000),),
        series=("trading_unit_name", "trading_unit_type"),
    ),
    Dataset(
        key="load_shapes",
        code="LSP",
        title="Load shapes by half hour (IF-022)",
        description="What a meter of each class of customer consumes on average in each half hour, by region, which settlement goes by",
        group="settlement",
        kind="restated",
        priority="Medium",
        first_day=date(2025, 9, 1),
        endpoint=Endpoint(ELEXON, "/lss/load-shape-period/stream?fromDate={first_date}&toDate={last_date}", max_days=1),
        instant=Instant(("settlementPeriodStartDateTime",)),
        natural_key=("start_time", "gsp_group_id", "connection_type_indicator", "market_segment_indicator", "domestic_premise_indicator", "measurement_quantity_id"),
        version=("run_number", "source_file_datetime"),
        columns=columns(
            "@settlement_date @settlement_period settlementPeriodStartDateTime! settlementPeriodEndDateTime gspGroupId connectionTypeIndicator marketSegmentIndicator domesticPremiseIndicator measurementQuantityId loadShapePeriodValue defaultLoadShapeFlag settlementPeriodDuration runNumber eventCode sourceFileDatetime sourceFileName settlementDate settlementPeriod",
        ),
        clustering=("gsp_group_id", "settlement_date"),
        revision_days=READ_AGAIN,
        rows_per_day=20_000,
        bytes_per_row=500,
        grid=HALF_HOUR,
        has_usual_size=True,
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        series=("gsp_group_id", "connection_type_indicator", "market_segment_indicator", "domestic_premise_indicator", "measurement_quantity_id"),
    ),
    Dataset(
        key="load_shape_totals",
        code="LST",
        title="Load shape totals (IF-023)",
        description="What a meter of each class of customer consumes on average in a day, seven days and a year, by region",
        group="settlement",
        kind="restated",
        priority="Medium",
        first_day=date(2025, 9, 1),
        endpoint=Endpoint(ELEXON, "/lss/load-shape-totals/stream?fromDate={first_date}&toDate={last_date}", max_days=7),
        instant=Instant(("settlementDate",), is_date=True),
        natural_key=("settlement_date", "gsp_group_id", "connection_type_indicator", "market_segment_indicator", "domestic_premise_indicator", "measurement_quantity_id"),
        version=("run_number", "source_file_datetime"),
        columns=columns(
            "@settlement_date gspGroupId connectionTypeIndicator marketSegmentIndicator domesticPremiseIndicator measurementQuantityId loadShapeDayTotal loadShapeDayPeakTotal loadShapeDayOffPeakTotal loadShape7DayRollingTotal loadShape7DayRollingPeakTotal loadShape7DayRollingOffPeakTotal loadShapeRollingAnnualTotal settlementPeriodDuration runNumber eventCode sourceFileDatetime sourceFileName",
        ),
        clustering=("gsp_group_id", "settlement_date"),
        revision_days=READ_AGAIN,
        rows_per_day=420,
        bytes_per_row=600,
        has_usual_size=True,
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        series=("gsp_group_id", "connection_type_indicator", "market_segment_indicator", "domestic_premise_indicator", "measurement_quantity_id"),
    ),
)
