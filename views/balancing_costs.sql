-- Cost and volume of balancing outside the Balancing Mechanism in each half hour, by service.
--
-- Grain: one row a half hour, service and SO flag with an action.
-- Units: GBP; MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_balancing_services_disaggregated (DISBSAD, Elexon Insights API).
-- Definition: sums over the actions of a half hour; an SO flag says that the action may have been taken for a constraint
-- of the system rather than for energy (BSC Section Q6.3, Balancing Services Adjustment Data). Rows without cost and
-- volume stand for half hours without actions and are left out.
-- Not covered: what is paid in the Balancing Mechanism (bm_revenue_by_unit); availability payments. An id of DISBSAD
-- tells actions apart only within its half hour.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   service: Service as published; null where it is not told
--   so_flag: Whether flagged as possibly for a constraint of the system
--   actions: Actions
--   cost: Their cost [GBP]
--   volume: Their volume, buy actions above zero, sell actions below [MWh]
--   buy_volume: Volume of the buy actions [MWh]
--   sell_volume: Volume of the sell actions, zero or negative [MWh]
SELECT
  settlement_date,
  settlement_period,
  start_time,
  service,
  IFNULL(so_flag, FALSE) AS so_flag,
  COUNT(*) AS actions,
  SUM(cost) AS cost,
  SUM(volume) AS volume,
  SUM(GREATEST(volume, 0)) AS buy_volume,
  SUM(LEAST(volume, 0)) AS sell_volume
FROM `elexon_balancing_services_disaggregated`
WHERE cost != 0 OR volume != 0
GROUP BY settlement_date, settlement_period, start_time, service, IFNULL(so_flag, FALSE)
