-- Carbon intensity of Great Britain in each half hour, and the emissions of its demand.
--
-- Grain: one row a half hour.
-- Units: g CO2/kWh; tonnes of CO2; MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: neso_carbon_intensity (national, Carbon Intensity API), demand (INDO).
-- Definition: tonnes = national demand in MWh times g/kWh / 1000, joined on UTC. An actual intensity of zero or none is
-- a gap and no value. is_greenest: the lowest actual intensity of the settlement day.
-- Not covered: emissions of embedded generation and of demand that it meets; intensity by fuel and by region; the error
-- of the forecast: the source overwrites it until the half hour begins, so that the published error is flattering.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   from_time: Start of the half hour [UTC]
--   intensity_actual: Actual intensity; null in a gap [g CO2/kWh]
--   intensity_forecast: Forecast as last overwritten [g CO2/kWh]
--   national_demand_mwh: National demand over the half hour [MWh]
--   emissions: Emissions of that demand at the actual intensity [t CO2]
--   is_greenest: Whether no other half hour of the day has less (of several the same, each)
SELECT
  carbon.settlement_date,
  carbon.settlement_period,
  carbon.from_time,
  NULLIF(carbon.intensity_actual, 0) AS intensity_actual,
  carbon.intensity_forecast,
  demand.national_demand_mwh,
  demand.national_demand_mwh * NULLIF(carbon.intensity_actual, 0) / 1000 AS emissions,
  IFNULL(
    NULLIF(carbon.intensity_actual, 0) = MIN(NULLIF(carbon.intensity_actual, 0)) OVER (PARTITION BY carbon.settlement_date), FALSE
  ) AS is_greenest
FROM `neso_carbon_intensity` AS carbon
LEFT JOIN `demand` AS demand ON demand.settlement_date = carbon.settlement_date AND demand.start_time = carbon.from_time
