-- Demand with what embedded wind and solar meet, in each half hour.
--
-- Grain: one row a half hour.
-- Units: MW, mean of the half hour; share as a part of 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: neso_historic_demand (NESO, by year), neso_demand_update (NESO, recent months); where both have a half hour,
-- the first.
-- Definition: demand with embedded = national demand (ND) plus NESO's estimates of embedded wind and solar generation
-- (NESO, Historic Demand Data). Half hours that are flagged as forecast (F) are left out.
-- Not covered: other embedded generation; metered embedded output: the estimates are of models and are revised. Adding
-- solar to INDO or ND and then subtracting it again as generation counts it twice.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   source: historic_demand or demand_update
--   national_demand_mw: National demand, ND [MW]
--   embedded_wind_mw: Estimate of embedded wind [MW]
--   embedded_solar_mw: Estimate of embedded solar [MW]
--   demand_with_embedded_mw: All three together [MW]
--   embedded_share: Embedded wind and solar as a part of that [0 to 1]
WITH sources AS (
  SELECT
    1 AS place, 'historic_demand' AS source, settlement_date, settlement_period, start_time, nd, embedded_wind_generation, embedded_solar_generation,
    forecast_actual_indicator
  FROM `neso_historic_demand`
  UNION ALL
  SELECT
    2, 'demand_update', settlement_date, settlement_period, start_time, nd, embedded_wind_generation, embedded_solar_generation,
    forecast_actual_indicator
  FROM `neso_demand_update`
),
first_of_both AS (
  SELECT *
  FROM sources
  WHERE IFNULL(forecast_actual_indicator, 'A') != 'F'
  QUALIFY ROW_NUMBER() OVER (PARTITION BY settlement_date, start_time ORDER BY place) = 1
)
SELECT
  settlement_date,
  settlement_period,
  start_time,
  source,
  nd AS national_demand_mw,
  embedded_wind_generation AS embedded_wind_mw,
  embedded_solar_generation AS embedded_solar_mw,
  nd + embedded_wind_generation + embedded_solar_generation AS demand_with_embedded_mw,
  (embedded_wind_generation + embedded_solar_generation) / NULLIF(nd + embedded_wind_generation + embedded_solar_generation, 0) AS embedded_share
FROM first_of_both
