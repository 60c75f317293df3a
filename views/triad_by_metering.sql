-- The three half hours of Triad of each winter, by settlement metering.
--
-- Grain: one row a winter and place (1 to 3).
-- Units: MW, mean of the half hour.
-- Time zone: instants in UTC, which UK clocks show from November to February; settlement_date and settlement_period in GB
-- local time.
-- Sources: elexon_peak_demand_settled (S0142, Elexon Insights API): the highest half hour of each day as metered.
-- Definition: of November to February, the half hour of highest demand; then the highest that is separated from it by at
-- least ten clear days (so 11 days of date); then the highest so separated from both (NESO, Connection and Use of System
-- Code, Triad). Of several the same, the first. Each day is of its latest settlement run, so a winter may change until the
-- last one, about 14 months after it; settlement_run tells which it is.
-- Not covered: a half hour that is not the highest of its day. A winter that has not ended, or is not settled, has the peaks
-- so far.
--
-- Columns:
--   winter: Year in which the winter began
--   place: 1 the highest, 2 and 3 those that follow
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 48
--   start_time: Start of the half hour [UTC]
--   demand_mw: The demand as metered [MW]
--   settlement_run: Settlement run that it is of: II, SF, R1, R2, R3, RF
WITH daily AS (
  SELECT
    EXTRACT(YEAR FROM DATE_SUB(settlement_date, INTERVAL 2 MONTH)) AS winter,
    settlement_date,
    settlement_period,
    TIMESTAMP_ADD(TIMESTAMP(settlement_date), INTERVAL 30 * (settlement_period - 1) MINUTE) AS start_time,
    demand AS demand_mw,
    settlement_run_type AS settlement_run
  FROM `elexon_peak_demand_settled`
  WHERE EXTRACT(MONTH FROM settlement_date) IN (11, 12, 1, 2) AND demand > 0
),
highest AS (
  SELECT * FROM daily WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY winter ORDER BY demand_mw DESC, settlement_date) = 1
),
second AS (
  SELECT daily.*
  FROM daily JOIN highest ON highest.winter = daily.winter
  WHERE ABS(DATE_DIFF(daily.settlement_date, highest.settlement_date, DAY)) > 10
  QUALIFY ROW_NUMBER() OVER (PARTITION BY daily.winter ORDER BY daily.demand_mw DESC, daily.settlement_date) = 1
),
third AS (
  SELECT daily.*
  FROM daily
  JOIN highest ON highest.winter = daily.winter
  JOIN second ON second.winter = daily.winter
  WHERE ABS(DATE_DIFF(daily.settlement_date, highest.settlement_date, DAY)) > 10
    AND ABS(DATE_DIFF(daily.settlement_date, second.settlement_date, DAY)) > 10
  QUALIFY ROW_NUMBER() OVER (PARTITION BY daily.winter ORDER BY daily.demand_mw DESC, daily.settlement_date) = 1
)
SELECT winter, 1 AS place, settlement_date, settlement_period, start_time, demand_mw, settlement_run FROM highest
UNION ALL
SELECT winter, 2, settlement_date, settlement_period, start_time, demand_mw, settlement_run FROM second
UNION ALL
SELECT winter, 3, settlement_date, settlement_period, start_time, demand_mw, settlement_run FROM third
