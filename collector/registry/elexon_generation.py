"""What power stations and interconnectors generate: by fuel, by BM unit, and the wind forecast."""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR
from collector.registry.common import READ_AGAIN
from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    FIVE_MINUTES,
    Check,
    Dataset,
    Endpoint,
    Instant,
)

# MW. Most that was ever published, with room to grow; of interconnectors the capacity and 15 to 20 % (the cables of one
# link are one code). A code that is not here has the bounds of the rule.
_FUEL_BOUNDS = (
    ("BIOMASS", 0, 4_500), ("CCGT", 0, 32_000), ("COAL", 0, 22_000), ("NPSHYD", 0, 1_600), ("NUCLEAR", 0, 10_500), ("OCGT", 0, 2_500),
    ("OIL", 0, 2_000), ("OTHER", -500, 5_000), ("PS", -3_400, 3_400), ("WIND", 0, 32_000),
    ("INTELEC", -1_200, 1_200), ("INTEW", -600, 600), ("INTFR", -2_300, 2_300), ("INTGRNL", -600, 600), ("INTIFA2", -1_200, 1_200),
    ("INTIRL", -600, 600), ("INTNED", -1_200, 1_200), ("INTNEM", -1_200, 1_200), ("INTNSL", -1_650, 1_650), ("INTVKL", -1_650, 1_650),
)  # fmt: skip
# Published as zeros while the rest of the country ran on: 50 half hours of FUELHH in 2017 to 2025.
_FUEL_ZEROS = Check("generation", not_all_zero=("CCGT", "NUCLEAR", "WIND"), never_zero=("BIOMASS", "CCGT", "NUCLEAR", "WIND"))

DATASETS = (
    Dataset(
        key="generation_outturn",
        code="FUELHH",
        title="Half-hourly generation by fuel type (FUELHH)",
        description="Average generation and interconnector flow by fuel type in each half hour",
        group="generation",
        kind="restated",
        priority="Very High",
        first_day=date(2016, 1, 1),
        # Rows up to 2022-07-14 carry a late settlementDate on the last period of the day (measured over ten years).
        endpoint=Endpoint(ELEXON, "/datasets/FUELHH/stream?settlementDateFrom={first_date}&settlementDateTo={last_date}", max_days=31, edge=HALF_HOUR, labels_wrong_until=date(2022, 7, 15)),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version=("publish_time",),
        columns=columns(
            "@settlement_date @settlement_period startTime! publishTime fuelType! generation settlementDate settlementPeriod",
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=READ_AGAIN,
        rows_per_day=960,
        bytes_per_row=182,
        grid=HALF_HOUR,
        max_age=timedelta(hours=6),
        checks=(
            Check("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS),
            _FUEL_ZEROS,
            # Interconnectors do: 694 MW, or -4 MW at rest, for days (2022 as published).
            Check("generation", still_hours=24, of="fuel_type NOT LIKE 'INT%'"),
        ),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
        is_confirmed=True,
    ),
    Dataset(
        key="fuel_instructions",
        code="FUELINST",
        title="Instantaneous generation by fuel type (FUELINST)",
        description="Generation and interconnector flow by fuel type every five minutes",
        group="generation",
        kind="restated",
        priority="Very High",
        first_day=date(2016, 1, 1),
        # Published five minutes after the start, or, after an outage, with a whole backlog: 15,360 s late at most in
        # 10.7 million rows. A day more costs a sixth of a week's answer, and as much again of a single day's.
        endpoint=Endpoint(ELEXON, "/datasets/FUELINST/stream?publishDateTimeFrom={from}&publishDateTimeTo={to}", stamp="publishTime", reach=timedelta(hours=25), max_days=7),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "fuel_type"),
        version=("publish_time",),
        columns=columns(
            "@settlement_date @settlement_period startTime! publishTime fuelType! generation settlementDate settlementPeriod",
            start_time="Start of the five minutes",
            generation="Output; + is import or generation",
        ),
        clustering=("fuel_type", "settlement_date"),
        revision_days=READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=182,
        grid=FIVE_MINUTES,
        max_age=timedelta(hours=6),
        checks=(Check("generation", -6_000, 40_000, by_series=_FUEL_BOUNDS), _FUEL_ZEROS),
        series=("fuel_type",),
        known_series=tuple(name for name, _, _ in _FUEL_BOUNDS),
        is_confirmed=True,
    ),
    Dataset(
        key="individual_generation",
        code="B1610",
        title="Actual generation per BM unit (B1610)",
        description="Metered volume of every BM unit in each half hour, of the latest settlement run",
        group="generation",
        kind="restated",
        priority="Very High",
        first_day=date(2016, 1, 1),
        # A day is about 440,000 records and 100 MB of JSON.
        endpoint=Endpoint(ELEXON, "/datasets/B1610/stream?from={from}&to={to}", max_days=1),
        instant=Instant(("halfHourEndTime",), -HALF_HOUR),
        natural_key=("bm_unit", "start_time"),
        version=("settlement_run_type",),
        version_order=("II", "SF", "R1", "R2", "R3", "RF", "DF"),
        columns=columns(
            "@settlement_date @settlement_period @instant halfHourEndTime bmUnit nationalGridBmUnitId psrType settlementRunType quantity settlementDate settlementPeriod",
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
        whole_after=timedelta(days=14),
        max_age=timedelta(days=16),
        checks=(Check("quantity", -3_000, 3_000),),
        series=("bm_unit",),
        is_confirmed=True,
    ),
    Dataset(
        key="wind_forecasts",
        code="WINDFOR",
        title="Wind generation forecast (WINDFOR)",
        description="Hourly wind forecasts, every issue kept: 4 a day until 2019-09, 8 since",
        group="forecasts",
        kind="vintage",
        priority="High",
        first_day=date(2016, 3, 1),
        endpoint=Endpoint(ELEXON, "/datasets/WINDFOR/stream?publishDateTimeFrom={from}&publishDateTimeTo={to}", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "start_time"),
        columns=columns(
            "@settlement_date publishTime! startTime! generation",
            publish_time="Issue of the forecast; puts the row in its day",
            start_time="Start of the hour that is forecast",
            generation="Forecast wind output, curtailment not deducted",
        ),
        clustering=("publish_time",),
        revision_days=READ_AGAIN,
        rows_per_day=584,
        bytes_per_row=112,
        has_issues=True,
        has_usual_size=True,
        max_age=timedelta(hours=18),
        checks=(Check("generation", 0, 40_000),),
        series=("publish_time",),
        is_confirmed=True,
    ),
    Dataset(
        key="interconnector_outturn",
        code="INTOUTHH",
        title="Interconnector flows by half hour (INTOUTHH)",
        description="Average flow of each interconnector in each half hour, by its name; the INT codes of generation_outturn under other names",
        group="generation",
        kind="restated",
        priority="Medium",
        first_day=date(2016, 1, 1),
        # Of the base alone, made of the records of FUELHH, with their labels.
        endpoint=Endpoint(ELEXON, "/generation/outturn/interconnectors?settlementDateFrom={first_date}&settlementDateTo={last_date}", max_days=7, edge=HALF_HOUR, labels_wrong_until=date(2022, 7, 15)),
        instant=Instant(("startTime",)),
        natural_key=("start_time", "interconnector_name"),
        version=("publish_time",),
        columns=columns(
            "@settlement_date @settlement_period startTime! interconnectorName! generation publishTime settlementDateTimezone settlementDate settlementPeriod",
            generation="Average flow over the half hour; + is import",
        ),
        clustering=("interconnector_name", "settlement_date"),
        revision_days=READ_AGAIN,
        rows_per_day=480,
        bytes_per_row=210,
        grid=HALF_HOUR,
        max_age=timedelta(hours=12),
        checks=(Check("generation", -2_500, 2_500),),
        series=("interconnector_name",),
    ),
)
