-- What constraints of the system cost on each day, by kind.
--
-- Grain: one row a settlement day and kind of constraint.
-- Units: GBP; MWh; GBP/MWh.
-- Time zone: settlement_date in GB local time.
-- Sources: neso_constraint_breakdown (NESO, Constraint Breakdown Costs and Volume).
-- Definition: as published, a row for each kind: thermal (flow over a boundary), voltage, largest loss (the infeed that
-- would be lost with the largest unit is reduced) and inertia (synchronous plant is run). Price = cost by the size of the
-- volume.
-- Not covered: half hours, units and boundaries: by half hour there are balancing_costs_by_kind (all constraints
-- together), by unit wind_curtailment; payments outside the Balancing Mechanism that NESO does not count here. The source
-- restates.
--
-- Columns:
--   settlement_date: GB settlement day
--   kind: thermal, voltage, largest loss or inertia
--   cost: Cost of the day [GBP]
--   volume: Volume of the actions; the sign is the source's [MWh]
--   price: Cost by the size of the volume; null where there is none [GBP/MWh]
WITH kinds AS (
  SELECT
    settlement_date,
    kind,
    CASE kind
      WHEN 'thermal' THEN thermal_constraints_cost
      WHEN 'voltage' THEN voltage_constraints_cost
      WHEN 'largest loss' THEN reducing_largest_loss_cost
      ELSE increasing_system_inertia_cost
    END AS cost,
    CASE kind
      WHEN 'thermal' THEN thermal_constraints_volume
      WHEN 'voltage' THEN voltage_constraints_volume
      WHEN 'largest loss' THEN reducing_largest_loss_volume
      ELSE increasing_system_inertia_volume
    END AS volume
  FROM `neso_constraint_breakdown`
  CROSS JOIN UNNEST(['thermal', 'voltage', 'largest loss', 'inertia']) AS kind
)
SELECT settlement_date, kind, cost, volume, cost / NULLIF(ABS(volume), 0) AS price
FROM kinds
WHERE cost IS NOT NULL OR volume IS NOT NULL
