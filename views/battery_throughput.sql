-- What each battery took in and gave out on each day, and what that was worth at the wholesale price.
--
-- Grain: one row a BM unit and settlement day.
-- Units: MWh; MW; hours; GBP.
-- Time zone: settlement_date in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_individual_generation (B1610, latest settlement run), bm_units_as_of, wholesale_price (of MID).
-- Definition: the register has no fuel type for batteries. A unit counts as one when its name says so (battery, BESS,
-- energy storage), or when it has no fuel type or OTHER, is a plant of its own (type T or E) and can take nearly as much
-- as it can give: demand capacity between 0.7 and 1.3 of generation capacity. Discharged and charged are the sums of the
-- half hours above and below zero; full hours = discharged by generation capacity, which for a battery of n hours is n a
-- cycle. Market value = each half hour's volume times the wholesale price of the same instant.
-- Not covered: charge and discharge within one half hour, which B1610 nets: throughput is the least that it can have
-- been; cycles, for want of MWh capacities; what was earned: of the Balancing Mechanism see bm_revenue_by_unit, of
-- response and reserve there is nothing here; batteries behind a supplier's or aggregator's unit; a plant that shares its
-- unit with a battery counts as a whole.
--
-- Columns:
--   settlement_date: GB settlement day
--   bm_unit: BM unit as Elexon names it
--   bm_unit_name: Name of the unit
--   lead_party_name: Lead party
--   is_named_battery: Whether the name says so, rather than the capacities alone
--   generation_capacity: Generation capacity of the register [MW]
--   demand_capacity: Demand capacity, below zero [MW]
--   half_hours: Half hours with a metered volume
--   discharged_mwh: Given out, net within half hours [MWh]
--   charged_mwh: Taken in, above zero, net within half hours [MWh]
--   throughput_mwh: Both together [MWh]
--   full_hours: Discharged by generation capacity [hours]
--   market_value: Volumes at the wholesale price, charging deducted [GBP]
--   half_hours_without_price: Half hours that are not in it, for there was no price
WITH register AS (
  SELECT
    *,
    REGEXP_CONTAINS(UPPER(IFNULL(bm_unit_name, '')), r'\b(BESS|BATTERY|BATTERIES|ENERGY STORAGE)\b') AS is_named_battery,
    IFNULL(fuel_type, 'OTHER') = 'OTHER' AND bm_unit_type IN ('T', 'E') AND generation_capacity > 0
      AND -demand_capacity BETWEEN 0.7 * generation_capacity AND 1.3 * generation_capacity AS has_capacities_of_one
  FROM `bm_units_as_of`
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY valid_from, elexon_bm_unit ORDER BY national_grid_bm_unit) = 1
)
SELECT
  metered.settlement_date,
  metered.bm_unit,
  MAX(unit.bm_unit_name) AS bm_unit_name,
  MAX(unit.lead_party_name) AS lead_party_name,
  LOGICAL_OR(unit.is_named_battery) AS is_named_battery,
  MAX(unit.generation_capacity) AS generation_capacity,
  MAX(unit.demand_capacity) AS demand_capacity,
  COUNT(metered.quantity) AS half_hours,
  SUM(GREATEST(metered.quantity, 0)) AS discharged_mwh,
  SUM(GREATEST(-metered.quantity, 0)) AS charged_mwh,
  SUM(ABS(metered.quantity)) AS throughput_mwh,
  SUM(GREATEST(metered.quantity, 0)) / NULLIF(MAX(unit.generation_capacity), 0) AS full_hours,
  SUM(metered.quantity * market.wholesale_price) AS market_value,
  COUNTIF(metered.quantity IS NOT NULL AND market.wholesale_price IS NULL) AS half_hours_without_price
FROM `elexon_individual_generation` AS metered
JOIN register AS unit
  ON unit.elexon_bm_unit = metered.bm_unit AND (unit.valid_from <= metered.settlement_date OR unit.is_first)
  AND (unit.valid_until IS NULL OR unit.valid_until >= metered.settlement_date)
LEFT JOIN `wholesale_price` AS market ON market.settlement_date = metered.settlement_date AND market.start_time = metered.start_time
WHERE unit.is_named_battery OR IFNULL(unit.has_capacities_of_one, FALSE)
GROUP BY metered.settlement_date, metered.bm_unit
