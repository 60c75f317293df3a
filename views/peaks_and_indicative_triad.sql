-- The three highest half hours of each winter, ten clear days apart.
--
-- Grain: one row a winter, measure and place (1 to 3).
-- Units: MW, mean of the half hour.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: demand (of INDO and ITSDO).
-- Definition: of November to February, the half hour of highest demand; then the highest that is separated from it by at
-- least ten clear days (so 11 days of date); then the highest so separated from both (NESO, Connection and Use of System
-- Code, Triad). Of several the same, the first.
-- Not covered: the Triad that is charged by: it is of settlement metering, and the initial outturn has put 300 MW
-- between two days that ended 40 kW apart. Winters that have not ended yet have the peaks so far.
--
-- Columns:
--   winter: Year in which the winter began
--   measure: national_demand (INDO) or transmission_system_demand (ITSDO)
--   place: 1 the highest, 2 and 3 those that follow
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   demand_mw: The demand [MW]
WITH measures AS (
  SELECT 'national_demand' AS measure, settlement_date, settlement_period, start_time, national_demand_mw AS demand_mw FROM `demand`
  UNION ALL
  SELECT 'transmission_system_demand', settlement_date, settlement_period, start_time, transmission_system_demand_mw FROM `demand`
),
winters AS (
  SELECT EXTRACT(YEAR FROM DATE_SUB(settlement_date, INTERVAL 2 MONTH)) AS winter, *
  FROM measures
  WHERE EXTRACT(MONTH FROM settlement_date) IN (11, 12, 1, 2) AND demand_mw > 0
),
-- The highest half hour of a day is all that can be a peak.
daily AS (
  SELECT * FROM winters WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY winter, measure, settlement_date ORDER BY demand_mw DESC, start_time) = 1
),
highest AS (
  SELECT * FROM daily WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY winter, measure ORDER BY demand_mw DESC, start_time) = 1
),
second AS (
  SELECT daily.*
  FROM daily JOIN highest ON highest.winter = daily.winter AND highest.measure = daily.measure
  WHERE ABS(DATE_DIFF(daily.settlement_date, highest.settlement_date, DAY)) > 10
  QUALIFY ROW_NUMBER() OVER (PARTITION BY daily.winter, daily.measure ORDER BY daily.demand_mw DESC, daily.start_time) = 1
),
third AS (
  SELECT daily.*
  FROM daily
  JOIN highest ON highest.winter = daily.winter AND highest.measure = daily.measure
  JOIN second ON second.winter = daily.winter AND second.measure = daily.measure
  WHERE ABS(DATE_DIFF(daily.settlement_date, highest.settlement_date, DAY)) > 10
    AND ABS(DATE_DIFF(daily.settlement_date, second.settlement_date, DAY)) > 10
  QUALIFY ROW_NUMBER() OVER (PARTITION BY daily.winter, daily.measure ORDER BY daily.demand_mw DESC, daily.start_time) = 1
)
SELECT winter, measure, 1 AS place, settlement_date, settlement_period, start_time, demand_mw FROM highest
UNION ALL
SELECT winter, measure, 2, settlement_date, settlement_period, start_time, demand_mw FROM second
UNION ALL
SELECT winter, measure, 3, settlement_date, settlement_period, start_time, demand_mw FROM third
