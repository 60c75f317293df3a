-- Wind farms that were told to generate less: volume and cost by unit and half hour.
--
-- Grain: one row a BM unit and half hour with an accepted bid.
-- Units: MWh; GBP; GBP/MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: bm_revenue_by_unit (BOAV and EBOCF, Elexon), elexon_accepted_volumes (BOAV) and elexon_bid_offer_acceptances
-- (BOALF) for the SO flag.
-- Definition: curtailed is what the unit's accepted bids took off its physical notification, as settlement computes it
-- (BSC Section T3), of units that the register says are wind; cost is the cash flow of these bids: above zero what was
-- paid to the unit. SO-flagged is the part whose acceptance NESO flagged as possibly for a constraint of the system
-- (BSC Section Q5); the rest may have been for energy balance.
-- Not covered: the energy that was bought in place (times system_price_and_imbalance, say); curtailment outside the
-- Balancing Mechanism: by contract, by the farm itself at negative prices, on distribution networks; notifications that
-- tell more than the wind would have given, which overstate the volume; units for which the register has no fuel type.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   bm_unit: BM unit as Elexon names it
--   lead_party_name: Lead party, by the register
--   curtailed_mwh: Volume of its accepted bids, above zero; null where BOAV has none [MWh]
--   so_flagged_mwh: The part of it that was flagged as possibly for a constraint [MWh]
--   cost: Paid to the unit for it; below zero where the unit paid; null where EBOCF has none [GBP]
--   price: Cost by volume [GBP/MWh]
WITH flagged AS (
  -- A segment counts in its own day and, where it reaches over midnight, in the next.
  SELECT DISTINCT bm_unit, acceptance_number, day
  FROM `elexon_bid_offer_acceptances`
  CROSS JOIN UNNEST([settlement_date, DATE_ADD(settlement_date, INTERVAL 1 DAY)]) AS day
  WHERE so_flag AND bm_unit IS NOT NULL
),
by_flag AS (
  SELECT
    volume.settlement_date, volume.start_time, volume.bm_unit,
    SUM(IF(flagged.day IS NULL, 0, ABS(volume.total_volume_accepted))) AS so_flagged_mwh
  FROM `elexon_accepted_volumes` AS volume
  LEFT JOIN flagged
    ON flagged.bm_unit = volume.bm_unit AND flagged.acceptance_number = volume.acceptance_id AND flagged.day = volume.settlement_date
  WHERE volume.side = 'bid'
  GROUP BY volume.settlement_date, volume.start_time, volume.bm_unit
)
SELECT
  paid.settlement_date,
  paid.settlement_period,
  paid.start_time,
  paid.bm_unit,
  paid.lead_party_name,
  -paid.volume AS curtailed_mwh,
  by_flag.so_flagged_mwh,
  paid.cashflow AS cost,
  -paid.price AS price
FROM `bm_revenue_by_unit` AS paid
LEFT JOIN by_flag
  ON by_flag.settlement_date = paid.settlement_date AND by_flag.start_time = paid.start_time AND by_flag.bm_unit = paid.bm_unit
WHERE paid.side = 'bid' AND paid.technology = 'WIND'
