-- Price of the day-ahead auction (N2EX) in each half hour, and how far it is from short-term trading.
--
-- Grain: one row a half hour of each hour that has a price.
-- Units: GBP/MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: neso_n2ex_day_ahead_price (N2EX hourly auction, NESO Data Portal); wholesale_price (MID, Elexon Insights API).
-- Definition: the auction is of hours, so both half hours of one have its price; 0, -1 and less are prices. The spread is
-- the auction's price less the Market Price of BSC Section T1.5 in the half hour.
-- Not covered: days before 2021-09-20; the half-hourly and the other exchange's auctions; volumes; prices of other countries.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   day_ahead_price: Price of the hour in the day-ahead auction [GBP/MWh]
--   wholesale_price: Volume-weighted price of short-term trading; null where nothing was traded [GBP/MWh]
--   spread: Day-ahead less short-term price; null where the latter is [GBP/MWh]
WITH halves AS (
  SELECT
    settlement_date,
    settlement_period + half AS settlement_period,
    TIMESTAMP_ADD(start_time, INTERVAL 30 * half MINUTE) AS start_time,
    price
  FROM `neso_n2ex_day_ahead_price`
  CROSS JOIN UNNEST([0, 1]) AS half
  WHERE price IS NOT NULL
)
SELECT
  hour.settlement_date,
  hour.settlement_period,
  hour.start_time,
  hour.price AS day_ahead_price,
  traded.wholesale_price,
  hour.price - traded.wholesale_price AS spread
FROM halves AS hour
LEFT JOIN `wholesale_price` AS traded
  ON traded.settlement_date = hour.settlement_date AND traded.start_time = hour.start_time
