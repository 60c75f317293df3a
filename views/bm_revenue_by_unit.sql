-- What the Balancing Mechanism paid each unit in each half hour, by side.
--
-- Grain: one row a BM unit, half hour and side with a cash flow or an accepted volume.
-- Units: GBP; MWh; GBP/MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_indicative_cashflows (EBOCF), elexon_accepted_volumes (BOAV), both of the latest settlement run;
-- bm_units_as_of.
-- Definition: cash flow above zero is paid to the unit; volume of all acceptances together, bids negative; price = cash
-- flow by volume, so that a bid with a price below zero, for which the unit is paid, shows as below zero. Joined on
-- unit, instant and side.
-- Not covered: non-delivery and other corrections of settlement; payments outside the Balancing Mechanism. Cash flows
-- are indicative and revised with settlement runs. Units without an Elexon name are left out.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   bm_unit: BM unit as Elexon names it
--   side: bid or offer
--   technology: Fuel type, or what the unit's name tells where there is none; null where the register lacks it
--   lead_party_name: Lead party, by the register
--   cashflow: Total cash flow; null where EBOCF has none [GBP]
--   volume: Accepted volume, bids negative; null where BOAV has none [MWh]
--   price: Cash flow by volume [GBP/MWh]
WITH flows AS (
  SELECT settlement_date, settlement_period, start_time, bm_unit, side, SUM(total_cashflow) AS cashflow, CAST(NULL AS FLOAT64) AS volume
  FROM `elexon_indicative_cashflows`
  WHERE bm_unit IS NOT NULL
  GROUP BY settlement_date, settlement_period, start_time, bm_unit, side
  UNION ALL
  SELECT
    settlement_date, settlement_period, start_time, bm_unit, side, CAST(NULL AS FLOAT64),
    SUM(IF(side = 'bid', -1, 1) * ABS(total_volume_accepted))
  FROM `elexon_accepted_volumes`
  WHERE bm_unit IS NOT NULL
  GROUP BY settlement_date, settlement_period, start_time, bm_unit, side
),
paid AS (
  SELECT settlement_date, settlement_period, start_time, bm_unit, side, SUM(cashflow) AS cashflow, SUM(volume) AS volume
  FROM flows
  GROUP BY settlement_date, settlement_period, start_time, bm_unit, side
),
register AS (
  SELECT * FROM `bm_units_as_of` WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY valid_from, elexon_bm_unit ORDER BY national_grid_bm_unit) = 1
)
SELECT
  paid.settlement_date,
  paid.settlement_period,
  paid.start_time,
  paid.bm_unit,
  paid.side,
  unit.technology,
  unit.lead_party_name,
  paid.cashflow,
  paid.volume,
  paid.cashflow / NULLIF(paid.volume, 0) AS price
FROM paid
LEFT JOIN register AS unit
  ON unit.elexon_bm_unit = paid.bm_unit AND (unit.valid_from <= paid.settlement_date OR unit.is_first)
  AND (unit.valid_until IS NULL OR unit.valid_until >= paid.settlement_date)
