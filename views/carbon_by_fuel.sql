-- Emissions of each fuel type in each half hour, by the factors of the Carbon Intensity API.
--
-- Grain: one row a half hour and fuel type.
-- Units: MWh; g CO2/kWh; tonnes of CO2.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: generation_mix (of FUELHH), neso_carbon_factors (Carbon Intensity API, /intensity/factors, stored when they
-- changed).
-- Definition: tonnes = MWh of generation or import times the factor of the fuel in g/kWh / 1000 (Carbon Intensity
-- Forecast Methodology, NESO); export and pumping count as none. The factors are those in force on the settlement day;
-- for days before the first snapshot, those of the first: see is_factor_of_later_day.
-- Not covered: embedded generation; cables to Belgium, Denmark and Norway, for which there is no factor; losses; part
-- load. The sum by fuel is not the published national intensity, which is calculated from other data: it lies higher, by
-- tens of g/kWh.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   fuel_type: Fuel type as Elexon names it
--   generation_mwh: Generation or import, zero for export and pumping [MWh]
--   factor: Factor of the fuel; null where there is none [g CO2/kWh]
--   emissions: Emissions of that generation; null without a factor [t CO2]
--   is_factor_of_later_day: Whether the factors are not known as early as this day
WITH factors AS (
  SELECT
    *,
    LEAD(settlement_date) OVER (ORDER BY settlement_date) AS valid_before,
    ROW_NUMBER() OVER (ORDER BY settlement_date) = 1 AS is_first
  FROM `neso_carbon_factors`
),
factored AS (
  SELECT
    mix.settlement_date, mix.settlement_period, mix.start_time, mix.fuel_type, GREATEST(mix.generation_mwh, 0) AS generation_mwh,
    CASE
      WHEN mix.fuel_type = 'BIOMASS' THEN factors.biomass
      WHEN mix.fuel_type = 'COAL' THEN factors.coal
      WHEN mix.fuel_type = 'CCGT' THEN factors.gas_combined_cycle
      WHEN mix.fuel_type = 'OCGT' THEN factors.gas_open_cycle
      WHEN mix.fuel_type = 'NPSHYD' THEN factors.hydro
      WHEN mix.fuel_type = 'NUCLEAR' THEN factors.nuclear
      WHEN mix.fuel_type = 'OIL' THEN factors.oil
      WHEN mix.fuel_type = 'OTHER' THEN factors.other
      WHEN mix.fuel_type = 'PS' THEN factors.pumped_storage
      WHEN mix.fuel_type = 'WIND' THEN factors.wind
      WHEN mix.fuel_type IN ('INTFR', 'INTIFA2', 'INTELEC') THEN factors.french_imports
      WHEN mix.fuel_type = 'INTNED' THEN factors.dutch_imports
      WHEN mix.fuel_type IN ('INTIRL', 'INTEW', 'INTGRNL') THEN factors.irish_imports
    END AS factor,
    factors.settlement_date > mix.settlement_date AS is_factor_of_later_day
  FROM `generation_mix` AS mix
  LEFT JOIN factors
    ON (factors.settlement_date <= mix.settlement_date OR factors.is_first)
    AND (factors.valid_before IS NULL OR factors.valid_before > mix.settlement_date)
)
SELECT
  settlement_date, settlement_period, start_time, fuel_type, generation_mwh, factor, generation_mwh * factor / 1000 AS emissions, is_factor_of_later_day
FROM factored
