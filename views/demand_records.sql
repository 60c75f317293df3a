-- Highest and lowest demand of each year.
--
-- Grain: one row a calendar year, measure and extreme.
-- Units: MW, mean of the half hour.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: demand (of INDO and ITSDO).
-- Definition: the half hour of the year with the highest and with the lowest demand, of several the first; years are of
-- settlement days. A demand of zero or less is no demand, but a gap of the source, and does not count.
-- Not covered: years before 2016 and the first two months of 2016; embedded generation, which lowers INDO.
--
-- Columns:
--   year: Calendar year of the settlement day
--   measure: national_demand (INDO) or transmission_system_demand (ITSDO)
--   extreme: maximum or minimum
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   demand_mw: The demand [MW]
--   half_hours: How many half hours of the year are known
--   is_record: Whether it is the extreme of all years (of several the same, each)
WITH measures AS (
  SELECT 'national_demand' AS measure, settlement_date, settlement_period, start_time, national_demand_mw AS demand_mw FROM `demand`
  UNION ALL
  SELECT 'transmission_system_demand', settlement_date, settlement_period, start_time, transmission_system_demand_mw FROM `demand`
),
extremes AS (
  SELECT *, 'maximum' AS extreme, demand_mw AS height FROM measures WHERE demand_mw > 0
  UNION ALL
  SELECT *, 'minimum', -demand_mw FROM measures WHERE demand_mw > 0
),
ranked AS (
  SELECT
    *,
    ROW_NUMBER() OVER (PARTITION BY EXTRACT(YEAR FROM settlement_date), measure, extreme ORDER BY height DESC, start_time) AS place,
    COUNT(*) OVER (PARTITION BY EXTRACT(YEAR FROM settlement_date), measure, extreme) AS half_hours,
    MAX(height) OVER (PARTITION BY measure, extreme) AS record_height
  FROM extremes
)
SELECT
  EXTRACT(YEAR FROM settlement_date) AS year,
  measure,
  extreme,
  settlement_date,
  settlement_period,
  start_time,
  demand_mw,
  half_hours,
  height = record_height AS is_record
FROM ranked
WHERE place = 1
