-- Metered output of each unit in each half hour, with its capacity factor.
--
-- Grain: one row a BM unit and half hour.
-- Units: MWh; MW; capacity factor as a part of 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_individual_generation (B1610, latest settlement run), bm_units_as_of.
-- Definition: capacity factor = volume / (generation capacity / 2 MWh), with the capacity in force on the settlement
-- day; for days before the first snapshot of the register, that of the first.
-- Not covered: charge and discharge within a half hour, which B1610 nets; units without metered volumes; capacity before
-- the first snapshot, if it was another: see is_capacity_of_later_day.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   bm_unit: BM unit as Elexon names it
--   bm_unit_name: Name of the unit; null where the register lacks it
--   technology: Fuel type, or what the unit's name tells where there is none
--   lead_party_name: Lead party
--   settlement_run_type: Settlement run that the volume is of
--   volume: Metered volume, negative when the unit takes from the system [MWh]
--   generation_capacity: Generation capacity of the register [MW]
--   capacity_factor: Volume by what the capacity makes in half an hour; null where that is zero or not known
--   is_capacity_of_later_day: Whether the register is not known as early as this day
WITH register AS (
  SELECT * FROM `bm_units_as_of` WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY valid_from, elexon_bm_unit ORDER BY national_grid_bm_unit) = 1
)
SELECT
  metered.settlement_date,
  metered.settlement_period,
  metered.start_time,
  metered.bm_unit,
  unit.bm_unit_name,
  unit.technology,
  unit.lead_party_name,
  metered.settlement_run_type,
  metered.quantity AS volume,
  unit.generation_capacity,
  metered.quantity / NULLIF(unit.generation_capacity / 2, 0) AS capacity_factor,
  unit.valid_from > metered.settlement_date AS is_capacity_of_later_day
FROM `elexon_individual_generation` AS metered
LEFT JOIN register AS unit
  ON unit.elexon_bm_unit = metered.bm_unit AND (unit.valid_from <= metered.settlement_date OR unit.is_first)
  AND (unit.valid_until IS NULL OR unit.valid_until >= metered.settlement_date)
