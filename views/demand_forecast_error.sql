-- Day and day-ahead demand forecasts against outturn, by how long before they were issued.
--
-- Grain: one row a measure, issue and half hour that it foretold, issued before that began.
-- Units: MW, mean of the half hour; hours.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_national_demand_forecast (NDF), elexon_transmission_demand_forecast (TSDF), every issue, boundary N;
-- demand (INDO and ITSDO).
-- Definition: error = forecast less outturn of what is meant by the forecast: NDF against INDO, TSDF against ITSDO
-- (Elexon, BMRS data definitions); gate closure is one hour before the half hour (BSC Section Q).
-- Not covered: zones (boundaries other than N), for which there is no outturn; embedded generation.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   measure: national_demand (NDF against INDO) or transmission_system_demand (TSDF against ITSDO)
--   publish_time: When the forecast was issued [UTC]
--   publish_date: Settlement day of publish_time, by which the forecasts are partitioned
--   lead_hours: Start less publication [hours]
--   is_last_before_start: Whether no later issue before the start is known
--   is_last_before_gate: Whether it is the last issue up to one hour before the start
--   forecast_mw: Forecast [MW]
--   outturn_mw: Outturn [MW]
--   error_mw: Forecast less outturn [MW]
WITH issues AS (
  SELECT 'national_demand' AS measure, settlement_date AS publish_date, publish_time, start_time, demand AS forecast_mw
  FROM `elexon_national_demand_forecast`
  WHERE boundary = 'N'
  UNION ALL
  SELECT 'transmission_system_demand', settlement_date, publish_time, start_time, demand
  FROM `elexon_transmission_demand_forecast`
  WHERE boundary = 'N'
),
pairs AS (
  SELECT
    outturn.settlement_date, outturn.settlement_period, issue.*,
    IF(issue.measure = 'national_demand', outturn.national_demand_mw, outturn.transmission_system_demand_mw) AS outturn_mw,
    issue.publish_time <= TIMESTAMP_SUB(issue.start_time, INTERVAL 60 MINUTE) AS is_before_gate
  FROM issues AS issue
  JOIN `demand` AS outturn ON outturn.start_time = issue.start_time
  WHERE issue.publish_time < issue.start_time
)
SELECT
  settlement_date,
  settlement_period,
  start_time,
  measure,
  publish_time,
  publish_date,
  TIMESTAMP_DIFF(start_time, publish_time, MINUTE) / 60 AS lead_hours,
  ROW_NUMBER() OVER (PARTITION BY settlement_date, measure, start_time ORDER BY publish_time DESC) = 1 AS is_last_before_start,
  is_before_gate
    AND ROW_NUMBER() OVER (PARTITION BY settlement_date, measure, start_time, is_before_gate ORDER BY publish_time DESC) = 1 AS is_last_before_gate,
  forecast_mw,
  outturn_mw,
  forecast_mw - outturn_mw AS error_mw
FROM pairs
WHERE outturn_mw IS NOT NULL
