-- Wind forecasts against outturn, by how long before they were issued.
--
-- Grain: one row an issue and hour (half hour, where an issue has half hours) that it foretold, issued before that
-- began.
-- Units: MW, mean of the hour or half hour; hours.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_wind_forecasts (WINDFOR, every issue), elexon_generation_outturn (FUELHH, WIND).
-- Definition: error = forecast less outturn; outturn of an hour is the mean of its two half hours and is left out while
-- one of them is not there; lead = start less publication. An issue with values at half past is taken to be of half
-- hours.
-- Not covered: wind farms that are not metered by the operator: both sides are transmission-metered; wind that was
-- curtailed: forecasts are not adjusted for it, so that curtailment looks like an error.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the hour or half hour [UTC]
--   publish_time: When the forecast was issued [UTC]
--   publish_date: Settlement day of publish_time, by which the forecasts are partitioned
--   interval_minutes: Length of what the forecast is for [minutes]
--   lead_hours: Start less publication [hours]
--   is_last_before_start: Whether no later issue before the start is known
--   forecast_mw: Forecast [MW]
--   outturn_mw: Outturn [MW]
--   error_mw: Forecast less outturn [MW]
WITH issues AS (
  SELECT
    settlement_date AS publish_date, publish_time, start_time, generation,
    IF(LOGICAL_OR(EXTRACT(MINUTE FROM start_time) = 30) OVER (PARTITION BY settlement_date, publish_time), 30, 60) AS interval_minutes
  FROM `elexon_wind_forecasts`
),
wind AS (
  SELECT settlement_date, settlement_period, start_time, generation FROM `elexon_generation_outturn` WHERE fuel_type = 'WIND'
),
pairs AS (
  SELECT
    outturn.settlement_date, outturn.settlement_period, issue.start_time, issue.publish_time, issue.publish_date, issue.interval_minutes,
    issue.generation AS forecast_mw,
    IF(issue.interval_minutes = 30, outturn.generation, (outturn.generation + later.generation) / 2) AS outturn_mw
  FROM issues AS issue
  JOIN wind AS outturn ON outturn.start_time = issue.start_time
  LEFT JOIN wind AS later ON later.start_time = TIMESTAMP_ADD(issue.start_time, INTERVAL 30 MINUTE)
  WHERE issue.publish_time < issue.start_time
)
SELECT
  settlement_date,
  settlement_period,
  start_time,
  publish_time,
  publish_date,
  interval_minutes,
  TIMESTAMP_DIFF(start_time, publish_time, MINUTE) / 60 AS lead_hours,
  ROW_NUMBER() OVER (PARTITION BY settlement_date, start_time ORDER BY publish_time DESC) = 1 AS is_last_before_start,
  forecast_mw,
  outturn_mw,
  forecast_mw - outturn_mw AS error_mw
FROM pairs
WHERE outturn_mw IS NOT NULL
