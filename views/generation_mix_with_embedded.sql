-- Generation by fuel in each half hour, embedded wind and solar among it, with shares of what is generated in Great Britain.
--
-- Grain: one row a half hour and fuel type, of half hours for which both embedded estimates are known.
-- Units: MW, mean of the half hour; MWh; shares from 0 to 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: generation_mix (of FUELHH), demand_with_embedded (NESO's estimates).
-- Definition: the fuel types of generation_mix, and EMBEDDED WIND and SOLAR by NESO's estimates (NESO, Historic Demand
-- Data); domestic generation is that of generation_mix and both of these. WIND and EMBEDDED WIND do not overlap: the
-- first is metered on the transmission system, the second estimates what is not.
-- Not covered: other embedded generation (gas engines, waste, hydro), of which nobody publishes a half hour; metered
-- embedded output; half hours for which NESO has no estimate yet, which have no rows.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   fuel_type: Fuel type as Elexon names it, EMBEDDED WIND or SOLAR
--   category: As in generation_mix, and solar
--   is_embedded: Whether it is estimated, on distribution networks, rather than metered on the transmission system
--   is_domestic: Whether it counts as domestic generation: neither interconnector nor pumped storage
--   is_renewable: Whether it counts as renewable
--   generation_mw: Generation; import and pumped storage as in generation_mix [MW]
--   generation_mwh: The same over the half hour [MWh]
--   domestic_generation_mw: Sum of domestic generation in the half hour [MW]
--   share_of_domestic: Share of domestic generation; null for interconnectors and pumped storage [0 to 1]
--   renewable_share: Share of all renewable fuel types together, the same in each row of a half hour [0 to 1]
WITH both AS (
  SELECT
    mix.settlement_date, mix.settlement_period, mix.start_time, mix.fuel_type, mix.category, FALSE AS is_embedded, mix.is_domestic, mix.is_renewable,
    mix.generation_mw
  FROM `generation_mix` AS mix
  JOIN `demand_with_embedded` AS known ON known.settlement_date = mix.settlement_date AND known.start_time = mix.start_time
  WHERE known.embedded_wind_mw IS NOT NULL AND known.embedded_solar_mw IS NOT NULL
  UNION ALL
  SELECT
    known.settlement_date, known.settlement_period, known.start_time, kind,
    IF(kind = 'SOLAR', 'solar', 'wind'), TRUE, TRUE, TRUE,
    IF(kind = 'SOLAR', known.embedded_solar_mw, known.embedded_wind_mw)
  FROM `demand_with_embedded` AS known
  JOIN (SELECT DISTINCT settlement_date, start_time FROM `generation_mix`) AS metered
    ON metered.settlement_date = known.settlement_date AND metered.start_time = known.start_time
  CROSS JOIN UNNEST(['EMBEDDED WIND', 'SOLAR']) AS kind
  WHERE known.embedded_wind_mw IS NOT NULL AND known.embedded_solar_mw IS NOT NULL
),
counted AS (
  SELECT *, IF(is_domestic, GREATEST(generation_mw, 0), 0) AS counted_mw
  FROM both
),
summed AS (
  SELECT
    *,
    SUM(counted_mw) OVER (PARTITION BY settlement_date, start_time) AS domestic_generation_mw,
    SUM(IF(is_renewable, counted_mw, 0)) OVER (PARTITION BY settlement_date, start_time) AS renewable_mw
  FROM counted
)
SELECT
  settlement_date,
  settlement_period,
  start_time,
  fuel_type,
  category,
  is_embedded,
  is_domestic,
  is_renewable,
  generation_mw,
  generation_mw / 2 AS generation_mwh,
  domestic_generation_mw,
  IF(is_domestic, counted_mw / NULLIF(domestic_generation_mw, 0), NULL) AS share_of_domestic,
  renewable_mw / NULLIF(domestic_generation_mw, 0) AS renewable_share
FROM summed
