-- Demand that is not met by wind in each half hour.
--
-- Grain: one row a half hour with both demand and wind.
-- Units: MW, mean of the half hour.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: demand (INDO), elexon_generation_outturn (FUELHH, WIND).
-- Definition: residual load = national demand less transmission-metered wind; ramp = change since the half hour before.
-- Solar is not subtracted: INDO is net of it already.
-- Not covered: embedded wind and solar by themselves; residual load in the sense of demand less all renewables.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   national_demand_mw: National demand, INDO [MW]
--   wind_mw: Transmission-metered wind [MW]
--   residual_load_mw: Demand less wind [MW]
--   ramp_mw: Change since the half hour before, within the settlement day; null where that is not known [MW]
WITH loads AS (
  SELECT
    demand.settlement_date, demand.settlement_period, demand.start_time, demand.national_demand_mw, wind.generation AS wind_mw,
    demand.national_demand_mw - wind.generation AS residual_load_mw
  FROM `demand` AS demand
  JOIN `elexon_generation_outturn` AS wind
    ON wind.settlement_date = demand.settlement_date AND wind.start_time = demand.start_time AND wind.fuel_type = 'WIND'
  WHERE demand.national_demand_mw IS NOT NULL
)
SELECT
  *,
  IF(
    LAG(start_time) OVER (PARTITION BY settlement_date ORDER BY start_time) = TIMESTAMP_SUB(start_time, INTERVAL 30 MINUTE),
    residual_load_mw - LAG(residual_load_mw) OVER (PARTITION BY settlement_date ORDER BY start_time),
    NULL
  ) AS ramp_mw
FROM loads
