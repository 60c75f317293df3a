-- Generation by fuel in each half hour, with shares of what is generated in Great Britain.
--
-- Grain: one row a half hour and fuel type.
-- Units: MW, mean of the half hour; MWh; shares from 0 to 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_generation_outturn (FUELHH, Elexon Insights API).
-- Definition: domestic generation is the sum of what is above zero over all fuel types but interconnectors (INT...) and
-- pumped storage (PS), whose signs tell direction; shares are parts of it, so that they add up to 1. Renewable are WIND,
-- NPSHYD and BIOMASS (as in DUKES, chapter 6). MWh = MW / 2.
-- Not covered: solar and what else is embedded in distribution networks: FUELHH is metered on the transmission system
-- alone; half hours for which the source published zeros late: where all is zero the shares are null.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   fuel_type: Fuel type as Elexon names it
--   category: gas, coal, oil, nuclear, wind, hydro, biomass, other, pumped storage or interconnector
--   is_domestic: Whether it counts as domestic generation: neither interconnector nor pumped storage
--   is_renewable: Whether it counts as renewable
--   generation_mw: Generation; of interconnectors import, of pumped storage generation above zero, export and pumping
--     below [MW]
--   generation_mwh: The same over the half hour [MWh]
--   domestic_generation_mw: Sum of domestic generation in the half hour [MW]
--   share_of_domestic: Share of domestic generation; null for interconnectors and pumped storage [0 to 1]
--   renewable_share: Share of all renewable fuel types together, the same in each row of a half hour [0 to 1]
WITH categories AS (
  SELECT
    settlement_date, settlement_period, start_time, fuel_type, generation,
    CASE
      WHEN fuel_type LIKE 'INT%' THEN 'interconnector'
      WHEN fuel_type = 'PS' THEN 'pumped storage'
      WHEN fuel_type IN ('CCGT', 'OCGT') THEN 'gas'
      WHEN fuel_type = 'NPSHYD' THEN 'hydro'
      WHEN fuel_type IN ('COAL', 'OIL', 'NUCLEAR', 'WIND', 'BIOMASS') THEN LOWER(fuel_type)
      ELSE 'other'
    END AS category
  FROM `elexon_generation_outturn`
),
counted AS (
  SELECT
    *,
    category NOT IN ('interconnector', 'pumped storage') AS is_domestic,
    category IN ('wind', 'hydro', 'biomass') AS is_renewable,
    IF(category NOT IN ('interconnector', 'pumped storage'), GREATEST(generation, 0), 0) AS counted_mw
  FROM categories
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
  is_domestic,
  is_renewable,
  generation AS generation_mw,
  generation / 2 AS generation_mwh,
  domestic_generation_mw,
  IF(is_domestic, counted_mw / NULLIF(domestic_generation_mw, 0), NULL) AS share_of_domestic,
  renewable_mw / NULLIF(domestic_generation_mw, 0) AS renewable_share
FROM summed
