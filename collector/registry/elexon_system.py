"""The state of the system."""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry.common import READ_AGAIN
from collector.registry.fields import columns
from collector.registry.model import (
    ELEXON,
    FIFTEEN_SECONDS,
    Check,
    Dataset,
    Endpoint,
    Instant,
)

DATASETS = (
    Dataset(
        key="system_warnings",
        code="SYSWARN",
        title="System warnings (SYSWARN)",
        description="Notices of the system operator: margin notices, outages of systems, cancellations",
        group="notices",
        kind="event",
        priority="High",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/SYSWARN/stream?publishDateTimeFrom={from}&publishDateTimeTo={to}", max_days=31),
        instant=Instant(("publishTime",)),
        natural_key=("publish_time", "warning_type", "warning_text"),
        columns=columns(
            "@settlement_date publishTime! warningType warningText",
            publish_time="Time of publication",
        ),
        clustering=("warning_type",),
        revision_days=READ_AGAIN,
        rows_per_day=2,
        bytes_per_row=1_200,
        often_empty=True,
        is_confirmed=True,
    ),
    Dataset(
        key="frequency",
        code="FREQ",
        title="System frequency (FREQ)",
        description="Frequency of the GB system every 15 seconds",
        group="system",
        kind="outturn",
        priority="High",
        first_day=date(2016, 1, 1),
        endpoint=Endpoint(ELEXON, "/datasets/FREQ/stream?measurementDateTimeFrom={from}&measurementDateTimeTo={to}"),
        instant=Instant(("measurementTime",)),
        natural_key=("measurement_time",),
        columns=columns(
            "@settlement_date @settlement_period measurementTime! frequency",
        ),
        clustering=("measurement_time",),
        revision_days=READ_AGAIN,
        rows_per_day=5_760,
        bytes_per_row=79,
        grid=FIFTEEN_SECONDS,
        max_age=timedelta(hours=6),
        data_status=True,
        checks=(Check("frequency", 47, 53, still_hours=0.25),),
        is_confirmed=True,
    ),
)
