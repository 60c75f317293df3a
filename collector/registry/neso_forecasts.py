"""Forecasts that the data portal of NESO publishes in files.

A live file holds one issue and is gone with the next: each is kept, under the settlement day on which it was issued. Names and
ids of resources, forms of headers and dates: as recorded in October 2026.
"""

from __future__ import annotations

from datetime import date, timedelta

from collector.registry.fields import columns
from collector.registry.model import (
    EVERYTHING,
    FILE_NAME,
    HALF_YEAR,
    ISSUE,
    MODIFIED,
    NESO,
    YEAR,
    Dataset,
    Files,
    Instant,
    Stamp,
)

_ISSUED = Stamp("@issue", (MODIFIED,))
_EMBEDDED = (
    "@settlement_date @issue! @start! DATE_GMT TIME_GMT SETTLEMENT_DATE! SETTLEMENT_PERIOD! EMBEDDED_WIND_FORECAST EMBEDDED_WIND_CAPACITY"
    " EMBEDDED_SOLAR_FORECAST EMBEDDED_SOLAR_CAPACITY"
)
_CARDINAL = "TARGETDATE! CARDINALPOINT! FORECASTDEMAND DAYSAHEAD CP_TYPE CP_ST_TIME CP_END_TIME F_Point"

DATASETS = (
    Dataset(
        key="embedded_forecasts",
        code="embedded-wind-and-solar-forecasts",
        title="Embedded wind and solar forecasts, live (NESO)",
        description="Forecast of embedded wind and solar for the next 14 days, issued every hour; start_time is the half hour that is forecast",
        group="forecasts",
        kind="vintage",
        priority="High",
        first_day=date(2024, 1, 1),
        # The period tells the half hour; the UTC time that is published is its end.
        endpoint=Files(
            NESO, "embedded-wind-and-solar-forecasts", r"Embedded Solar and Wind Forecast", ISSUE,
            (Stamp("@issue", (FILE_NAME,)), Stamp("@start", ("SETTLEMENT_DATE", "SETTLEMENT_PERIOD"), is_period=True)), floor=0.5,
        ),
        instant=Instant(("@issue",)),
        natural_key=("issue_time", "start_time"),
        columns=columns(_EMBEDDED),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=15_000,
        bytes_per_row=300,
        max_age=timedelta(hours=12),
        is_confirmed=True,
    ),
    Dataset(
        key="embedded_forecast_archive",
        code="embedded-wind-and-solar-forecasts",
        title="Embedded wind and solar forecasts, archive (NESO)",
        description="Every issue of the forecast of embedded wind and solar since 2019; the source admits that some are missing",
        group="large_archives",
        kind="vintage",
        priority="Medium",
        first_day=date(2019, 1, 1),
        endpoint=Files(
            NESO, "embedded-wind-and-solar-forecasts", r"Embedded Solar and Wind Forecast Archive (?P<period>20\d\d.*)", HALF_YEAR,
            # Both clock changes show that it is the UK clock, whatever it ends in.
            (Stamp("@issue", ("Forecast_Datetime",), is_utc=False), Stamp("@start", ("SETTLEMENT_DATE", "SETTLEMENT_PERIOD"), is_period=True)),
            # The source itself has cut 2019 in mid-row.
            cut=("2019",), most=700, again=365,
        ),
        instant=Instant(("@issue",)),
        natural_key=("issue_time", "start_time"),
        columns=columns(_EMBEDDED + " Forecast_Datetime!"),
        clustering=("start_time",),
        ignored_fields=("source_file",),
        partition="DAY",
        revision_days=(),
        rows_per_day=15_000,
        bytes_per_row=330,
        max_age=timedelta(days=3),
        is_confirmed=True,
    ),
    Dataset(
        key="day_ahead_wind_forecast",
        code="day-ahead-wind-forecast",
        title="Day-ahead wind forecast, live (NESO)",
        description="Forecast of metered wind for each half hour of the next day, issued in the morning",
        group="forecasts",
        kind="vintage",
        priority="High",
        first_day=date(2024, 1, 1),
        endpoint=Files(
            NESO, "day-ahead-wind-forecast", r"Day Ahead Wind Forecast", ISSUE, (_ISSUED, Stamp("@start", ("Datetime_GMT",))), floor=0.5,
        ),
        instant=Instant(("@issue",)),
        natural_key=("issue_time", "start_time"),
        columns=columns("@settlement_date @issue! @start! Date Settlement_period Capacity Incentive_forecast"),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=190,
        max_age=timedelta(days=3),
        is_confirmed=True,
    ),
    Dataset(
        key="day_ahead_wind_forecast_history",
        code="day-ahead-wind-forecast",
        title="Day-ahead wind forecast, history (NESO)",
        description="Day-ahead forecasts of metered wind since 2018, by the half hour that was forecast; some twice",
        group="forecasts",
        kind="vintage",
        priority="Medium",
        first_day=date(2018, 4, 1),
        endpoint=Files(
            NESO, "day-ahead-wind-forecast", r"Historic Day Ahead Wind Forecasts", EVERYTHING, (Stamp("@start", ("Datetime_GMT",)),),
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time", "forecast_timestamp"),
        columns=columns("@settlement_date @settlement_period @start! Date Settlement_period Capacity Incentive_forecast Forecast_Timestamp"),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=220,
        has_usual_size=True,
        max_age=timedelta(days=5),
        is_confirmed=True,
    ),
    Dataset(
        key="day_ahead_wind_forecast_units",
        code="day-ahead-wind-forecast",
        title="Day-ahead wind forecast by BM unit, live (NESO)",
        description="Forecast of metered wind of each wind farm for each half hour of the next day",
        group="forecasts",
        kind="vintage",
        priority="Medium",
        first_day=date(2024, 1, 1),
        endpoint=Files(
            NESO, "day-ahead-wind-forecast", r"Day Ahead Wind BMU Forecast", ISSUE, (_ISSUED, Stamp("@start", ("Datetime",))), floor=0.5,
        ),
        instant=Instant(("@issue",)),
        natural_key=("issue_time", "start_time", "generator_name"),
        columns=columns(
            "@settlement_date @issue! @start! Date Settlement_Period Generator_Name Generator_Full_Name Region Capacity Wind_Forecast",
            capacity="Capacity of the wind farm",
        ),
        clustering=("generator_name", "start_time"),
        revision_days=(),
        rows_per_day=11_000,
        bytes_per_row=280,
        max_age=timedelta(days=3),
        is_confirmed=True,
    ),
    # What it says of its own time of issue is of UK clocks, as far as is known; when the file was modified is told in UTC.
    *(
        Dataset(
            key=key,
            code=package,
            title=f"{title}, live (NESO)",
            description="Forecast of wind of each half hour for the next 14 days, issued eight times a day; there is no archive",
            group="forecasts",
            kind="vintage",
            priority="High",
            first_day=date(2024, 1, 1),
            endpoint=Files(
                NESO, package, name, ISSUE, (_ISSUED, Stamp("@start", ("Date", "Settlement_Period"), is_period=True)), pinned=(("", identity),),
                aliases=(("Settlement_period", "Settlement_Period"), ("ForecastDatetime", "ForecastDateTime")), optional=("ForecastDateTime",), floor=0.5,
            ),
            instant=Instant(("@issue",)),
            natural_key=("issue_time", "start_time"),
            columns=columns("@settlement_date @issue! @start! Date Settlement_Period Capacity Wind_Forecast ForecastDateTime"),
            clustering=("start_time",),
            ignored_fields=("Datetime", "Datetime_GMT"),
            revision_days=(),
            rows_per_day=5_400,
            bytes_per_row=230,
            max_age=timedelta(days=1),
            is_confirmed=True,
        )
        for key, package, name, identity, title in (
            ("wind_forecast_14_day", "14-days-ahead-wind-forecasts", r"14 Days Ahead Wind Forecast", "93c3048e-1dab-4057-a2a9-417540583929", "Wind forecast up to 14 days ahead"),
            (
                "metered_wind_forecast_14_day", "14-days-ahead-operational-metered-wind-forecasts", r"14 Day Ahead Operational Metered Wind Forecast",
                "b1ae17c2-cc5e-4254-9bbf-3eddcf30d033", "Forecast of operationally metered wind up to 14 days ahead",
            ),
        )
    ),
    *(
        Dataset(
            key=key,
            code=package,
            title=f"{title}, live (NESO)",
            description="Forecast of each wind farm and half hour for the next 14 days, issued eight times a day; there is no archive",
            group="large_archives",
            kind="vintage",
            priority="Low",
            first_day=date(2024, 1, 1),
            endpoint=Files(
                NESO, package, name, ISSUE, (_ISSUED, Stamp("@start", ("Date", "Settlement_Period"), is_period=True)), pinned=(("", identity),), floor=0.5,
            ),
            instant=Instant(("@issue",)),
            natural_key=("issue_time", "start_time", "generator_name"),
            columns=columns(
                "@settlement_date @issue! @start! Date Settlement_Period Generator_Name! Generator_Full_Name Region Capacity Wind_Forecast",
                capacity="Capacity of the wind farm",
            ),
            clustering=("generator_name", "start_time"),
            ignored_fields=("Datetime",),
            partition="DAY",
            revision_days=(),
            rows_per_day=1_200_000,
            bytes_per_row=290,
            max_age=timedelta(days=1),
            is_confirmed=True,
        )
        for key, package, name, identity, title in (
            (
                "wind_forecast_14_day_units", "14-days-ahead-wind-forecasts", r"14 Day Ahead Wind BMU Forecast", "342aae25-d3a6-436c-b168-db8b247ccb83",
                "Wind forecast up to 14 days ahead by BM unit",
            ),
            (
                "metered_wind_forecast_14_day_units", "14-days-ahead-operational-metered-wind-forecasts",
                r"14 Day Ahead Operational Metered Windfarm-Level Wind Forecast", "31e6d895-af48-41bd-a4db-28a78c7e9c4b",
                "Forecast of operationally metered wind up to 14 days ahead by wind farm",
            ),
        )
    ),
    Dataset(
        key="day_ahead_wind_forecast_units_history",
        code="day-ahead-wind-forecast",
        title="Day-ahead wind forecast by BM unit, history (NESO)",
        description="Day-ahead forecasts of each wind farm since 2018, by the half hour that was forecast; tables without files, which take hours to read",
        group="large_archives",
        kind="vintage",
        priority="Low",
        first_day=date(2018, 1, 1),
        endpoint=Files(
            NESO, "day-ahead-wind-forecast", r"Historic Day Ahead Wind BMU Forecasts (?P<period>20\d\d)", YEAR, (Stamp("@start", ("Datetime",)),),
            aliases=(("Timestamp", "Forecast_Timestamp"),), early=1, again=365,
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time", "generator_name", "forecast_timestamp"),
        columns=columns(
            "@settlement_date @settlement_period @start! Date Settlement_Period Generator_Name! Generator_Full_Name Region Capacity Wind_Forecast"
            " Forecast_Timestamp",
            capacity="Capacity of the wind farm",
        ),
        clustering=("generator_name", "start_time"),
        partition="DAY",
        revision_days=(),
        rows_per_day=8_000,
        bytes_per_row=270,
        has_usual_size=True,
        not_before=timedelta(days=400),
        max_age=timedelta(days=800),
        is_confirmed=True,
    ),
    # Hours that UK clocks show twice have two rows each, of which only the order tells which is which.
    Dataset(
        key="demand_forecast_performance",
        code="day-ahead-half-hourly-demand-forecast-performance",
        title="Day-ahead half-hourly demand forecast and its errors (NESO)",
        description="What was forecast of national demand for each half hour since April 2021, what came, and the error; rows that share a half hour are told apart by an ordinal",
        group="forecasts",
        kind="restated",
        priority="Medium",
        first_day=date(2021, 4, 1),
        endpoint=Files(
            NESO, "day-ahead-half-hourly-demand-forecast-performance", r"Day Ahead Half Hourly Demand Forecast Performance", EVERYTHING,
            (Stamp("@start", ("Date", "Settlement_Period"), is_period=True),), pinned=(("", "08e41551-80f8-4e28-a416-ea473a695db9"),),
            dates=("iso", "dd/mm/yyyy"), numbered=("Settlement_Period",),
        ),
        instant=Instant(("@start",)),
        natural_key=("start_time", "ordinal"),
        columns=columns(
            "@settlement_date @settlement_period @start! @ordinal! Date Settlement_Period Datetime Demand_Forecast Demand_Outturn TRIAD_Avoidance_Estimate"
            " TRIAD_Avoidance_Corrected_Demand_Outturn APE Absolute_Error Publish_Datetime",
        ),
        clustering=("start_time",),
        ignored_fields=("Month",),
        revision_days=(),
        rows_per_day=48,
        bytes_per_row=340,
        not_before=timedelta(days=5),
        max_age=timedelta(days=10),
        is_confirmed=True,
    ),
    *(
        Dataset(
            key=key,
            code=package,
            title=f"{title}, live (NESO)",
            description="Forecast of national demand at the cardinal points of a day; each issue is kept",
            group="forecasts",
            kind="vintage",
            priority="High",
            first_day=date(2024, 1, 1),
            endpoint=Files(NESO, package, name, ISSUE, (_ISSUED,), pinned=(("", identity),), floor=0.5, dates=("yyyymmdd", "iso")),
            instant=Instant(("@issue",)),
            natural_key=("issue_time", "targetdate", "cardinalpoint"),
            columns=columns(f"@settlement_date @issue! {_CARDINAL}"),
            clustering=("targetdate",),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=230,
            max_age=timedelta(days=3),
            is_confirmed=True,
        )
        for key, package, name, identity, title, rows in (
            ("day_ahead_demand_forecast", "1-day-ahead-demand-forecast", r"1 Day Ahead Demand Forecast", "aec5601a-7f3e-4c4c-bf56-d8e4184d3c5b", "Day-ahead demand forecast", 12),
            ("demand_forecast_2_day", "2-day-ahead-demand-forecast", r"2 Day Ahead Demand Forecast", "cda26f27-4bb6-4632-9fb5-2d029ca605e1", "Demand forecast two days ahead", 12),
            ("demand_forecast_7_day", "7-day-ahead-national-forecast", r"7 Day Ahead Demand Forecast", "70d3d674-15a6-4e41-83b4-410440c0b0b9", "Demand forecast up to seven days ahead", 84),
            ("demand_forecast_2_14_day_points", "2-14-days-ahead-national-demand-forecast", r"2-14 Days Ahead Cardinal Point Forecast", "9af18ed4-efc8-4779-bef5-c0927fee9b0a", "National demand forecast 2 to 14 days ahead", 160),
        )
    ),
    *(
        Dataset(
            key=key,
            code=package,
            title=f"{title}, history (NESO)",
            description="Forecasts of national demand at the cardinal points, by the day that was forecast; every issue that the source kept",
            group="forecasts",
            kind="vintage",
            priority="Medium",
            first_day=date(2018, 1, 2),
            # Of midnight UK clocks are never in doubt.
            endpoint=Files(
                NESO, package, name, EVERYTHING, (Stamp("@start", ("TARGETDATE",), is_utc=False),), pinned=(("", identity),), dates=("iso", "yyyymmdd"),
            ),
            instant=Instant(("@start",)),
            natural_key=("targetdate", "cardinalpoint", "forecast_timestamp"),
            columns=columns(f"@settlement_date @start! {_CARDINAL} FORECAST_TIMESTAMP", start_time="Beginning of the day that is forecast"),
            clustering=("targetdate",),
            revision_days=(),
            rows_per_day=rows,
            bytes_per_row=250,
            has_usual_size=True,
            max_age=timedelta(days=7),
            is_confirmed=True,
        )
        for key, package, name, identity, title, rows in (
            ("day_ahead_demand_forecast_history", "1-day-ahead-demand-forecast", r"Historic 1 Day Ahead Demand Forecasts", "9847e7bb-986e-49be-8138-717b25933fbb", "Day-ahead demand forecast", 18),
            ("demand_forecast_2_day_history", "2-day-ahead-demand-forecast", r"Historic 2 Day Ahead Demand Forecasts", "24abd271-5936-45c7-85f4-2a6b450ef6b7", "Demand forecast two days ahead", 18),
            ("demand_forecast_7_day_history", "7-day-ahead-national-forecast", r"Historic 7 Day Ahead Demand Forecasts", "6f7408b4-47fd-4ae7-b1e5-f095a3a5a2dc", "Demand forecast up to seven days ahead", 90),
            ("demand_forecast_2_14_day_history", "2-14-days-ahead-national-demand-forecast", r"Historic 2-14 Day Ahead Demand Forecasts", "4dd712a2-ee2c-455d-a9c0-9d3564c80fa0", "National demand forecast 2 to 14 days ahead", 160),
        )
    ),
    Dataset(
        key="demand_forecast_2_14_day",
        code="2-14-days-ahead-national-demand-forecast",
        title="National demand forecast 2 to 14 days ahead, half-hourly, live (NESO)",
        description="Forecast of national demand of each half hour; each issue is kept",
        group="forecasts",
        kind="vintage",
        priority="High",
        first_day=date(2024, 1, 1),
        endpoint=Files(
            NESO, "2-14-days-ahead-national-demand-forecast", r"(?i)2.*14.*half.?hourly.*", ISSUE,
            # What is told in UTC is the end of the half hour.
            (_ISSUED, Stamp("@start", ("GDATETIME",), shift=-30)), pinned=(("", "7c0411cd-2714-4bb5-a408-adb065edf34d"),), floor=0.5,
        ),
        instant=Instant(("@issue",)),
        natural_key=("issue_time", "start_time"),
        columns=columns("@settlement_date @issue! @start! DATE CTIME GDATETIME NATIONALDEMAND"),
        clustering=("start_time",),
        revision_days=(),
        rows_per_day=624,
        bytes_per_row=190,
        max_age=timedelta(days=3),
        is_confirmed=True,
    ),
)
