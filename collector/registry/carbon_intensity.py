"""The Carbon Intensity API of NESO."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from collector.base.gb_calendar import HALF_HOUR, UTC
from collector.registry.common import READ_AGAIN
from collector.registry.fields import columns
from collector.registry.model import (
    CARBON,
    Check,
    Dataset,
    Endpoint,
    Hole,
    Instant,
)

DATASETS = (
    Dataset(
        key="carbon_intensity",
        code="Carbon Intensity API",
        title="Carbon intensity of GB electricity (NESO)",
        description="Forecast and actual carbon intensity of each half hour; the forecast is overwritten until it starts",
        group="carbon",
        kind="restated",
        priority="Medium",
        first_day=date(2017, 9, 19),
        # A request that starts on a half hour also returns the one that ends there; 14 days is the documented limit.
        endpoint=Endpoint(CARBON, "/intensity/{from_minute}/{to_minute}", max_days=14, edge=HALF_HOUR, split_years=True),
        instant=Instant(("from",)),
        natural_key=("from_time",),
        columns=columns(
            "@settlement_date @settlement_period from! to intensity.forecast intensity.actual intensity.index",
        ),
        clustering=("from_time",),
        ignored_fields=(),
        revision_days=READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=115,
        grid=HALF_HOUR,
        values=("intensity.actual",),
        max_age=timedelta(hours=6),
        holes=(
            Hole(datetime(2023, 1, 26, 13, 30, tzinfo=UTC), datetime(2023, 1, 26, 16, 0, tzinfo=UTC), "actuals that never came"),
            Hole(datetime(2023, 10, 20, 22, 0, tzinfo=UTC), datetime(2023, 10, 22, 19, 30, tzinfo=UTC), "an outage of the source"),
        ),
        checks=(
            Check("intensity_forecast", 0, 700, still_hours=12),
            Check("intensity_actual", 0, 700, still_hours=12, zero="a glitch of the source, not clean power"),
        ),
        is_confirmed=True,
    ),
    Dataset(
        key="carbon_generation_mix",
        code="generation",
        title="Generation mix of the Carbon Intensity API (NESO)",
        description="Share of nine fuels in GB generation of each half hour",
        group="carbon",
        kind="restated",
        priority="Medium",
        first_day=date(2017, 9, 19),
        # Answers across New Year have come back cut at its end.
        endpoint=Endpoint(CARBON, "/generation/{from_minute}/{to_minute}", max_days=14, edge=HALF_HOUR, split_years=True),
        instant=Instant(("from",)),
        natural_key=("from_time",),
        columns=columns("@settlement_date @settlement_period from! to generationmix"),
        clustering=("from_time",),
        ignored_fields=(),
        revision_days=READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=325,
        grid=HALF_HOUR,
        max_age=timedelta(hours=6),
        is_confirmed=True,
    ),
    Dataset(
        key="carbon_regional",
        code="regional/intensity",
        title="Regional carbon intensity and generation mix (NESO)",
        description="Forecast intensity and mix of 14 regions, three countries and GB in each half hour; the last forecast that was served is kept",
        group="carbon",
        kind="restated",
        priority="Medium",
        first_day=date(2018, 5, 11),
        # With white space an answer is about four times as large as without.
        endpoint=Endpoint(CARBON, "/regional/intensity/{from_minute}/{to_minute}", max_days=2, edge=HALF_HOUR, split_years=True),
        instant=Instant(("from",)),
        natural_key=("from_time",),
        columns=columns("@settlement_date @settlement_period from! to regions"),
        clustering=("from_time",),
        ignored_fields=(),
        revision_days=(1,),
        rows_per_day=48,
        bytes_per_row=29_000,
        grid=HALF_HOUR,
        max_age=timedelta(hours=6),
        is_confirmed=True,
    ),
    Dataset(
        key="carbon_factors",
        code="intensity/factors",
        title="Carbon intensity factors (NESO)",
        description="Carbon intensity of each fuel and import, as the API computes with it",
        group="carbon",
        kind="snapshot",
        priority="Low",
        first_day=date(2017, 9, 19),
        endpoint=Endpoint(CARBON, "/intensity/factors"),
        instant=Instant(("@snapshot",), is_date=True),
        natural_key=("snapshot_date",),
        columns=columns(
            "@settlement_date, @snapshot!, Biomass, Coal, Dutch Imports, French Imports, Gas (Combined Cycle), Gas (Open Cycle), Hydro, Irish Imports,"
            "Nuclear, Oil, Other, Pumped Storage, Solar, Wind",
        ),
        clustering=("snapshot_date",),
        ignored_fields=(),
        revision_days=(),
        rows_per_day=1,
        bytes_per_row=260,
        max_age=timedelta(days=7),
        is_confirmed=True,
    ),
)
