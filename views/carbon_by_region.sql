-- Forecast carbon intensity and generation mix of each region in each half hour.
--
-- Grain: one row a half hour and region: 14 distribution areas, then England, Scotland, Wales and Great Britain.
-- Units: g CO2/kWh; percent.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: neso_carbon_regional (Carbon Intensity API, /regional).
-- Definition: as published, a column for each fuel of the mix (Carbon Intensity API, regional data): shares of what is
-- consumed in the region, imports from other regions among their fuels.
-- Not covered: actual intensity by region, which nobody publishes; what was forecast earlier: the source overwrites each
-- half hour every 30 minutes and serves the last alone; emissions, for want of demand by region.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   from_time: Start of the half hour [UTC]
--   region_id: Region as the source numbers it: 1 to 14, 15 England, 16 Scotland, 17 Wales, 18 Great Britain
--   region: Its short name
--   network_operator: Distribution network operator, or the country
--   intensity_forecast: Forecast as last overwritten [g CO2/kWh]
--   intensity_index: very low to very high; its bands move each year
--   biomass_percent: Share of biomass [percent]
--   coal_percent: Share of coal [percent]
--   gas_percent: Share of gas [percent]
--   hydro_percent: Share of hydro [percent]
--   imports_percent: Share of imports into Great Britain [percent]
--   nuclear_percent: Share of nuclear [percent]
--   other_percent: Share of what is none of these [percent]
--   solar_percent: Share of solar [percent]
--   wind_percent: Share of wind [percent]
WITH regions AS (
  SELECT settlement_date, settlement_period, from_time, region
  FROM `neso_carbon_regional`
  CROSS JOIN UNNEST(JSON_QUERY_ARRAY(regions)) AS region
),
shares AS (
  SELECT regions.*, JSON_VALUE(share, '$.fuel') AS fuel, CAST(JSON_VALUE(share, '$.perc') AS FLOAT64) AS percent
  FROM regions
  LEFT JOIN UNNEST(JSON_QUERY_ARRAY(region, '$.generationmix')) AS share
)
SELECT
  settlement_date,
  settlement_period,
  from_time,
  CAST(JSON_VALUE(region, '$.regionid') AS INT64) AS region_id,
  MAX(JSON_VALUE(region, '$.shortname')) AS region,
  MAX(JSON_VALUE(region, '$.dnoregion')) AS network_operator,
  MAX(CAST(JSON_VALUE(region, '$.intensity.forecast') AS FLOAT64)) AS intensity_forecast,
  MAX(JSON_VALUE(region, '$.intensity.index')) AS intensity_index,
  MAX(IF(fuel = 'biomass', percent, NULL)) AS biomass_percent,
  MAX(IF(fuel = 'coal', percent, NULL)) AS coal_percent,
  MAX(IF(fuel = 'gas', percent, NULL)) AS gas_percent,
  MAX(IF(fuel = 'hydro', percent, NULL)) AS hydro_percent,
  MAX(IF(fuel = 'imports', percent, NULL)) AS imports_percent,
  MAX(IF(fuel = 'nuclear', percent, NULL)) AS nuclear_percent,
  MAX(IF(fuel = 'other', percent, NULL)) AS other_percent,
  MAX(IF(fuel = 'solar', percent, NULL)) AS solar_percent,
  MAX(IF(fuel = 'wind', percent, NULL)) AS wind_percent
FROM shares
GROUP BY settlement_date, settlement_period, from_time, CAST(JSON_VALUE(region, '$.regionid') AS INT64)
