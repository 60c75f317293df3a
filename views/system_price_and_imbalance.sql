-- System price, net imbalance volume and the cost of imbalance in each half hour.
--
-- Grain: one row a half hour.
-- Units: GBP/MWh; MWh; GBP.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_system_prices (system prices of the latest settlement run, Elexon Insights API), wholesale_price.
-- Definition: a net imbalance volume (NIV) above zero means that the system was short and the operator bought (BSC
-- Section T4.4); cost of imbalance = NIV times the price of its side, which is one price since 2015-11-05 (BSC
-- modification P305).
-- Not covered: earlier settlement runs: the source serves the latest alone; where the price was replaced for a lack of
-- actions (price_derivation_code) it is not of actions.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   system_buy_price: System buy price, which those who are short pay [GBP/MWh]
--   system_sell_price: System sell price, which those who are long are paid [GBP/MWh]
--   net_imbalance_volume: Net imbalance volume, above zero when the system is short [MWh]
--   is_short: Whether the system was short
--   imbalance_cost: Net imbalance volume times the price of its side: the buy price when short, else the sell price
--     [GBP]
--   wholesale_price: Volume-weighted price of short-term trading [GBP/MWh]
--   spread_to_wholesale: Price of the side of the imbalance less the wholesale price [GBP/MWh]
--   reserve_scarcity_price: Reserve scarcity price [GBP/MWh]
--   replacement_price: Price that replaced those of unpriced volume [GBP/MWh]
--   price_derivation_code: How the price was derived
--   created_date_time: When the source computed it [UTC]
SELECT
  system.settlement_date,
  system.settlement_period,
  system.start_time,
  system.system_buy_price,
  system.system_sell_price,
  system.net_imbalance_volume,
  system.net_imbalance_volume > 0 AS is_short,
  system.net_imbalance_volume * IF(system.net_imbalance_volume > 0, system.system_buy_price, system.system_sell_price) AS imbalance_cost,
  market.wholesale_price,
  IF(system.net_imbalance_volume > 0, system.system_buy_price, system.system_sell_price) - market.wholesale_price AS spread_to_wholesale,
  system.reserve_scarcity_price,
  system.replacement_price,
  system.price_derivation_code,
  system.created_date_time
FROM `elexon_system_prices` AS system
LEFT JOIN `wholesale_price` AS market ON market.settlement_date = system.settlement_date AND market.start_time = system.start_time
