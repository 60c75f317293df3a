-- Price that each fuel type earned in each month, beside the price of all hours.
--
-- Grain: one row a calendar month and fuel type.
-- Units: GBP/MWh; MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: generation_mix (of FUELHH), wholesale_price (of MID).
-- Definition: capture price = sum of generation times price by sum of generation, over the half hours with a price;
-- generation above zero alone, interconnectors left out; base price = mean of the price over the same half hours;
-- capture rate = capture price by base price.
-- Not covered: on and offshore wind apart, solar; what was earned: prices are of short-term trading, not of contracts. A
-- capture rate at a base price near zero tells nothing.
--
-- Columns:
--   month: First day of the month of settlement days
--   fuel_type: Fuel type as Elexon names it
--   generation_mwh: Generation above zero in half hours with a price [MWh]
--   capture_price: Generation-weighted price [GBP/MWh]
--   base_price: Mean price of the half hours [GBP/MWh]
--   capture_rate: Capture price by base price
--   half_hours: Half hours with generation known and a price
SELECT
  DATE_TRUNC(mix.settlement_date, MONTH) AS month,
  mix.fuel_type,
  SUM(GREATEST(mix.generation_mwh, 0)) AS generation_mwh,
  SUM(GREATEST(mix.generation_mwh, 0) * market.wholesale_price) / NULLIF(SUM(GREATEST(mix.generation_mwh, 0)), 0) AS capture_price,
  AVG(market.wholesale_price) AS base_price,
  SUM(GREATEST(mix.generation_mwh, 0) * market.wholesale_price) / NULLIF(SUM(GREATEST(mix.generation_mwh, 0)), 0)
    / NULLIF(AVG(market.wholesale_price), 0) AS capture_rate,
  COUNT(*) AS half_hours
FROM `generation_mix` AS mix
JOIN `wholesale_price` AS market ON market.settlement_date = mix.settlement_date AND market.start_time = mix.start_time
WHERE market.wholesale_price IS NOT NULL AND mix.category != 'interconnector' AND mix.generation_mw IS NOT NULL
GROUP BY DATE_TRUNC(mix.settlement_date, MONTH), mix.fuel_type
