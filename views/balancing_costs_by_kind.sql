-- What balancing cost in each half hour, by what it was done for.
--
-- Grain: one row a half hour and kind.
-- Units: GBP.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: neso_balancing_costs (NESO, Daily Balancing Costs).
-- Definition: as published, a row for each kind: energy imbalance, frequency control, positive reserve, negative reserve,
-- constraints, other. Total = all kinds of the half hour; joined on the instant.
-- Not covered: volumes; years that NESO has not published as files; constraints by cause: see constraint_costs. The
-- source restates in place.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   kind: What it was done for
--   cost: Cost, below zero where it brought in money [GBP]
--   total_cost: Cost of all kinds in the half hour, the same in each row [GBP]
WITH kinds AS (
  SELECT
    settlement_date, settlement_period, start_time, kind,
    CASE kind
      WHEN 'energy imbalance' THEN energy_imbalance
      WHEN 'frequency control' THEN frequency_control
      WHEN 'positive reserve' THEN positive_reserve
      WHEN 'negative reserve' THEN negative_reserve
      WHEN 'constraints' THEN constraints
      ELSE other_costs
    END AS cost
  FROM `neso_balancing_costs`
  CROSS JOIN UNNEST(['energy imbalance', 'frequency control', 'positive reserve', 'negative reserve', 'constraints', 'other']) AS kind
)
SELECT settlement_date, settlement_period, start_time, kind, cost, SUM(cost) OVER (PARTITION BY settlement_date, start_time) AS total_cost
FROM kinds
