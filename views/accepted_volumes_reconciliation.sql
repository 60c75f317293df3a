-- Accepted volumes computed from levels beside those that Elexon publishes.
--
-- Grain: one row a BM unit and half hour that either side has.
-- Units: MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: accepted_volumes_by_unit (of BOALF and PN), elexon_accepted_volumes (BOAV, both sides, latest settlement
-- run).
-- Definition: BOAV's volumes of all acceptances of a unit and half hour, added up by side, bids made negative;
-- difference = computed less published, of the net volume alone, for bids and offers of one half hour may offset each
-- other in BOAV (see accepted_volumes_by_unit).
-- Not covered: which side is right: BOAV has known holes (2025-10-14 periods 20 and 21, 2026-01-18 period 26, 2026-06-23
-- period 8), BOALF the same and 2025-11-23 period 29; Elexon rounds; BOAV is revised with settlement runs. Units without
-- an Elexon name are not joined.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   bm_unit: BM unit as Elexon names it
--   computed_net_volume: Net volume from levels; null where there is none [MWh]
--   published_net_volume: Offers and bids of BOAV together; null where there is none [MWh]
--   published_offer_volume: Offers of BOAV [MWh]
--   published_bid_volume: Bids of BOAV, zero or negative [MWh]
--   difference: Computed less published, where both are there [MWh]
--   seconds_without_notification: For how long the computed volume lacks the FPN [seconds]
WITH published AS (
  SELECT
    settlement_date, settlement_period, start_time, bm_unit,
    SUM(IF(side = 'bid', -ABS(total_volume_accepted), 0)) AS bid_volume,
    SUM(IF(side = 'bid', 0, ABS(total_volume_accepted))) AS offer_volume
  FROM `elexon_accepted_volumes`
  WHERE bm_unit IS NOT NULL
  GROUP BY settlement_date, settlement_period, start_time, bm_unit
),
computed AS (
  SELECT settlement_date, settlement_period, start_time, bm_unit, net_volume, seconds_without_notification
  FROM `accepted_volumes_by_unit`
  WHERE bm_unit IS NOT NULL
)
SELECT
  COALESCE(computed.settlement_date, published.settlement_date) AS settlement_date,
  COALESCE(computed.settlement_period, published.settlement_period) AS settlement_period,
  COALESCE(computed.start_time, published.start_time) AS start_time,
  COALESCE(computed.bm_unit, published.bm_unit) AS bm_unit,
  computed.net_volume AS computed_net_volume,
  published.offer_volume + published.bid_volume AS published_net_volume,
  published.offer_volume AS published_offer_volume,
  published.bid_volume AS published_bid_volume,
  computed.net_volume - (published.offer_volume + published.bid_volume) AS difference,
  computed.seconds_without_notification
FROM computed
FULL OUTER JOIN published
  ON published.settlement_date = computed.settlement_date AND published.start_time = computed.start_time AND published.bm_unit = computed.bm_unit
