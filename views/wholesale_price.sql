-- Price of short-term trading in each half hour.
--
-- Grain: one row a half hour with a record of any provider.
-- Units: GBP/MWh; MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_market_index (MID, Elexon Insights API).
-- Definition: the mean price of the providers weighted with their volume, over those with a volume above zero, which is
-- the Market Price of BSC Section T1.5; N2EXMIDP has published 0 at 0 MWh in nearly all half hours, which is no price.
-- Not covered: the day-ahead auctions, intraday auctions and forward trading: Market Index Data are of a choice of
-- short-term products.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   wholesale_price: Volume-weighted price; null where nothing was traded [GBP/MWh]
--   traded_volume: Volume behind it [MWh]
--   apx_price: Price of APXMIDP; null at no volume [GBP/MWh]
--   n2ex_price: Price of N2EXMIDP; null at no volume, which is nearly always [GBP/MWh]
SELECT
  settlement_date,
  settlement_period,
  start_time,
  SUM(IF(volume > 0, price * volume, NULL)) / SUM(IF(volume > 0 AND price IS NOT NULL, volume, NULL)) AS wholesale_price,
  SUM(IF(volume > 0, volume, 0)) AS traded_volume,
  MAX(IF(data_provider = 'APXMIDP' AND volume > 0, price, NULL)) AS apx_price,
  MAX(IF(data_provider = 'N2EXMIDP' AND volume > 0, price, NULL)) AS n2ex_price
FROM `elexon_market_index`
GROUP BY settlement_date, settlement_period, start_time
