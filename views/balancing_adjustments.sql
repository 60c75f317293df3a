-- Net adjustment of energy and system balancing outside the Balancing Mechanism in each half hour.
--
-- Grain: one row a half hour.
-- Units: GBP; MWh; GBP/MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_balancing_services (NETBSAD), balancing_costs (of DISBSAD).
-- Definition: NETBSAD as published, beside the sums of DISBSAD over all services; NETBSAD has been zero in most half
-- hours since its actions are told one by one in DISBSAD (BSC modification P217).
-- Not covered: availability payments; the Balancing Mechanism itself.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   net_buy_cost: Net buy price cost adjustment, energy [GBP]
--   net_buy_volume: Net buy price volume adjustment, energy and system [MWh]
--   net_sell_cost: Net sell price cost adjustment, energy [GBP]
--   net_sell_volume: Net sell price volume adjustment, energy and system [MWh]
--   disaggregated_cost: Cost of all actions of DISBSAD; zero without actions [GBP]
--   disaggregated_volume: Their volume [MWh]
--   so_flagged_cost: Cost of those with an SO flag [GBP]
WITH actions AS (
  SELECT settlement_date, start_time, SUM(cost) AS cost, SUM(volume) AS volume, SUM(IF(so_flag, cost, 0)) AS so_flagged_cost
  FROM `balancing_costs`
  GROUP BY settlement_date, start_time
)
SELECT
  net.settlement_date,
  net.settlement_period,
  net.start_time,
  net.net_buy_price_cost_adjustment_energy AS net_buy_cost,
  net.net_buy_price_volume_adjustment_energy + net.net_buy_price_volume_adjustment_system AS net_buy_volume,
  net.net_sell_price_cost_adjustment_energy AS net_sell_cost,
  net.net_sell_price_volume_adjustment_energy + net.net_sell_price_volume_adjustment_system AS net_sell_volume,
  IFNULL(actions.cost, 0) AS disaggregated_cost,
  IFNULL(actions.volume, 0) AS disaggregated_volume,
  IFNULL(actions.so_flagged_cost, 0) AS so_flagged_cost
FROM `elexon_balancing_services` AS net
LEFT JOIN actions ON actions.settlement_date = net.settlement_date AND actions.start_time = net.start_time
