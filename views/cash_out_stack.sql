-- What the system price was made of in each half hour, by side of the stack.
--
-- Grain: one row a half hour and side of the stack.
-- Units: MWh; GBP/MWh; GBP.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_settlement_stack (settlement stack of both sides, latest settlement run, Elexon Insights API).
-- Definition: actions and volumes of the stack as published: all, those flagged as of the system operator's constraints
-- (SO flag), those shorter than the continuous acceptance duration limit (CADL, 10 minutes), those repriced, and those
-- that set the price: PAR-adjusted volume, whose cost by volume (TLM-adjusted) is the main price before the adjusters
-- (BSC Section T, Imbalance Pricing Guidance).
-- Not covered: pricing anew under other rules; stacks of earlier settlement runs; half hours without actions, which have
-- no row.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   side: Side of the stack: bid or offer
--   actions: Actions in the stack
--   volume: Their volume [MWh]
--   so_flagged_volume: Of it, SO-flagged [MWh]
--   cadl_flagged_volume: Of it, CADL-flagged [MWh]
--   repriced_volume: Of it, repriced [MWh]
--   niv_adjusted_volume: What is left after netting against the other side [MWh]
--   par_adjusted_volume: What sets the price [MWh]
--   priced_cost: TLM-adjusted cost of it [GBP]
--   main_price: That cost by TLM-adjusted volume; null where nothing sets the price [GBP/MWh]
--   lowest_final_price: Lowest final price of an action [GBP/MWh]
--   highest_final_price: Highest final price of an action [GBP/MWh]
SELECT
  settlement_date,
  settlement_period,
  start_time,
  side,
  COUNT(*) AS actions,
  SUM(volume) AS volume,
  SUM(IF(so_flag, volume, 0)) AS so_flagged_volume,
  SUM(IF(cadl_flag, volume, 0)) AS cadl_flagged_volume,
  SUM(IF(repriced_indicator, volume, 0)) AS repriced_volume,
  SUM(niv_adjusted_volume) AS niv_adjusted_volume,
  SUM(par_adjusted_volume) AS par_adjusted_volume,
  SUM(tlm_adjusted_cost) AS priced_cost,
  SUM(tlm_adjusted_cost) / NULLIF(SUM(tlm_adjusted_volume), 0) AS main_price,
  MIN(final_price) AS lowest_final_price,
  MAX(final_price) AS highest_final_price
FROM `elexon_settlement_stack`
GROUP BY settlement_date, settlement_period, start_time, side
