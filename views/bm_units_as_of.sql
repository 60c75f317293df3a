-- The register of BM units as it was, with the days for which each state is known to have been in force.
--
-- Grain: one row a unit and snapshot of the register; a snapshot is stored only when anything in it has changed.
-- Units: MW.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_bm_units (reference data of BM units, a snapshot a settlement day).
-- Definition: a snapshot is in force from its day until the day before the next one that differs; for a day, take WHERE
-- valid_from <= day AND day <= IFNULL(valid_until, day). A unit that is not in the next snapshot ends with this one.
-- technology is fuel_type where the register has one, else told by the unit's name: interconnector (I_...), virtual
-- (V_...), supplier (2__...), else unknown.
-- Not covered: days before the first snapshot, for which the source serves nothing: is_first tells its rows, for those
-- who take the oldest known state for earlier days; batteries, which the register gives no fuel type.
--
-- Columns:
--   valid_from: First settlement day of this state
--   valid_until: Last settlement day of it; null while it is in force
--   is_first: Whether it is of the first snapshot, so that it may have been in force before
--   elexon_bm_unit: BM unit as Elexon names it
--   national_grid_bm_unit: BM unit as NESO names it
--   bm_unit_name: Name of the unit
--   bm_unit_type: Type of the unit
--   fuel_type: Fuel type; null for most
--   technology: Fuel type, or what the unit's name tells where there is none
--   lead_party_id: Lead party, identifier
--   lead_party_name: Lead party, name
--   gsp_group_id: Grid supply point group
--   interconnector_id: Interconnector
--   generation_capacity: Generation capacity [MW]
--   demand_capacity: Demand capacity, zero or negative [MW]
WITH snapshots AS (
  SELECT
    settlement_date AS valid_from,
    DATE_SUB(LEAD(settlement_date) OVER (ORDER BY settlement_date), INTERVAL 1 DAY) AS valid_until,
    ROW_NUMBER() OVER (ORDER BY settlement_date) = 1 AS is_first
  FROM (SELECT DISTINCT settlement_date FROM `elexon_bm_units`)
)
SELECT
  valid_from,
  valid_until,
  is_first,
  elexon_bm_unit,
  national_grid_bm_unit,
  bm_unit_name,
  bm_unit_type,
  fuel_type,
  COALESCE(
    fuel_type,
    CASE SUBSTR(elexon_bm_unit, 1, 2) WHEN 'I_' THEN 'interconnector' WHEN 'V_' THEN 'virtual' WHEN '2_' THEN 'supplier' ELSE 'unknown' END
  ) AS technology,
  lead_party_id,
  lead_party_name,
  gsp_group_id,
  interconnector_id,
  generation_capacity,
  demand_capacity
FROM `elexon_bm_units` AS unit
JOIN snapshots ON snapshots.valid_from = unit.settlement_date
