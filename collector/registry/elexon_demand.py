"""Demand."""

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
        key="demand_outturn",
        code="INDO + ITSDO",
        title="Initial demand outturn (INDO and ITSDO)",
        description="National and transmission system demand of each half hour",
        group="demand",
        kind="restated",
        priority="Very High",
        first_day=date(2016, 3, 1),
        endpoint=Endpoint(ELEXON, "/demand/outturn/stream?settlementDateFrom={first_date}&settlementDateTo={last_date}", max_days=92),
        instant=Instant(("startTime",)),
        natural_key=("start_time",),
        version=("publish_time",),
        columns=columns(
            "@settlement_date @settlement_period startTime! publishTime initialDemandOutturn initialTransmissionSystemDemandOutturn settlementDate settlementPeriod",
        ),
        ignored_fields=(),
        clustering=("start_time",),
        revision_days=READ_AGAIN,
        rows_per_day=48,
        bytes_per_row=200,
        grid=HALF_HOUR,
        values=("initialDemandOutturn", "initialTransmissionSystemDemandOutturn"),
        max_age=timedelta(hours=6),
        checks=(
            Check("initial_demand_outturn", 8_000, 65_000, still_hours=3),
            Check("initial_transmission_system_demand_outturn", 8_000, 70_000, still_hours=3),
        ),
        is_confirmed=True,
    ),
)
