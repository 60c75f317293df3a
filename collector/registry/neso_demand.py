"""Demand, as the data portal of NESO publishes it in files.

Names and ids of resources, forms of headers and dates: as recorded in October 2026.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.base.gb_calendar import HALF_HOUR
from collector.registry.fields import columns
from collector.registry.model import (
    NESO,
    ROLLING,
    YEAR,
    Blank,
    Check,
    Dataset,
    Files,
    Instant,
    Stamp,
)

_BY_PERIOD = Stamp("@start", ("SETTLEMENT_DATE", "SETTLEMENT_PERIOD"), is_period=True)
_FLOWS = ("IFA_FLOW", "IFA2_FLOW", "BRITNED_FLOW", "MOYLE_FLOW", "EAST_WEST_FLOW", "NEMO_FLOW", "NSL_FLOW", "ELECLINK_FLOW", "VIKING_FLOW", "GREENLINK_FLOW")
_MEASURED = ("ND", "TSD", "ENGLAND_WALES_DEMAND", "NON_BM_STOR", "PUMP_STORAGE_PUMPING", "SCOTTISH_TRANSFER", *_FLOWS)
# A half hour that is not measured yet stands there with national demand 0 and the station load alone, 0 in a forecast.
_PLACEHOLDERS = (Blank("FORECAST_ACTUAL_INDICATOR", ("F",), _MEASURED), Blank("ND", ("0",), _MEASURED), Blank("TSD", ("0", "500", "600"), _MEASURED))
_COLUMNS = (
    "@settlement_date @settlement_period @start! SETTLEMENT_DATE! SETTLEMENT_PERIOD! ND FORECAST_ACTUAL_INDICATOR TSD"
    " ENGLAND_WALES_DEMAND EMBEDDED_WIND_GENERATION EMBEDDED_WIND_CAPACITY EMBEDDED_SOLAR_GENERATION EMBEDDED_SOLAR_CAPACITY"
    " NON_BM_STOR PUMP_STORAGE_PUMPING SCOTTISH_TRANSFER IFA_FLOW IFA2_FLOW BRITNED_FLOW MOYLE_FLOW EAST_WEST_FLOW NEMO_FLOW"
    " NSL_FLOW ELECLINK_FLOW VIKING_FLOW GREENLINK_FLOW"
)
# Headers of 17 to 23 columns are in use, and closed years are written anew with others.
_NOT_ALWAYS = ("FORECAST_ACTUAL_INDICATOR", "SCOTTISH_TRANSFER", "NSL_FLOW", "ELECLINK_FLOW", "VIKING_FLOW", "GREENLINK_FLOW")
_BELIEVABLE = (Check("nd", 8_000, 65_000, still_hours=3), Check("tsd", 8_000, 70_000, still_hours=3))

DATASETS = (
    Dataset(
        key="historic_demand",
        code="historic-demand-data",
        title="Historic demand data (NESO)",
        description="National and transmission system demand, embedded generation, pumping and interconnector flows of each half hour, a file a year",
        group="demand",
        kind="restated",
        priority="High",
        first_day=date(2001, 1, 1),
        endpoint=Files(
            NESO, "historic-demand-data", r"Historic Demand Data (?P<period>20\d\d)", YEAR, (_BY_PERIOD,),
            dates=("iso", "dd-mon-yyyy", "dd-mon-yy"), optional=_NOT_ALWAYS, blanks=_PLACEHOLDERS,
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time",),
        columns=columns(_COLUMNS),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=560,
        grid=HALF_HOUR,
        values=("ND",),
        # The running year is about three weeks behind.
        not_before=timedelta(days=28),
        whole_after=timedelta(days=35),
        max_age=timedelta(days=45),
        checks=_BELIEVABLE,
        is_confirmed=True,
    ),
    Dataset(
        key="demand_update",
        code="daily-demand-update",
        title="Daily demand update (NESO)",
        description="Demand of the last and this month, rewritten each morning; embedded generation also as forecast. Historic demand wins where it has a row",
        group="demand",
        kind="restated",
        priority="High",
        first_day=date(2024, 3, 1),
        endpoint=Files(
            NESO, "daily-demand-update", r"(?i).*demand data update.*", ROLLING, (_BY_PERIOD,), pinned=(("", "177f6fa4-ae49-4182-81ea-0c6b35f26ca6"),),
            dates=("iso", "dd-mon-yyyy"), optional=_NOT_ALWAYS, blanks=_PLACEHOLDERS, floor=0.5,
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time",),
        columns=columns(_COLUMNS),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=560,
        grid=HALF_HOUR,
        values=("ND",),
        max_age=timedelta(days=3),
        checks=_BELIEVABLE,
        is_confirmed=True,
    ),
)
