-- Flow over each interconnector in each half hour, and what it was worth at the wholesale price.
--
-- Grain: one row a half hour and interconnector.
-- Units: MW, mean of the half hour; MWh; GBP at GBP/MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_generation_outturn (FUELHH, fuel types INT...), wholesale_price (of MID).
-- Definition: import into Great Britain is above zero (Elexon, BMRS data definitions of FUELHH); MWh = MW / 2; value =
-- net import in MWh times the wholesale price of the same instant, joined on UTC, for the labels of settlement periods
-- in older records are shifted in summer.
-- Not covered: what was paid: the price is of short-term trading in Great Britain, not of the auction of the cable, and
-- cables to one market share its price; losses on the way.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   interconnector: Fuel type of the interconnector as Elexon names it
--   interconnector_name: Its name; null for one that is newer than this view
--   country: Country or market at the other end; null for one that is newer than this view
--   net_import_mw: Import less export [MW]
--   import_mwh: What came in [MWh]
--   export_mwh: What went out, above zero [MWh]
--   net_import_mwh: Import less export [MWh]
--   wholesale_price: Volume-weighted price of short-term trading; null where nothing was traded [GBP/MWh]
--   net_import_value: Net import at that price [GBP]
WITH links AS (
  SELECT 'INTFR' AS fuel_type, 'IFA' AS interconnector_name, 'France' AS country
  UNION ALL SELECT 'INTIFA2', 'IFA2', 'France'
  UNION ALL SELECT 'INTELEC', 'ElecLink', 'France'
  UNION ALL SELECT 'INTNED', 'BritNed', 'Netherlands'
  UNION ALL SELECT 'INTNEM', 'Nemo Link', 'Belgium'
  UNION ALL SELECT 'INTNSL', 'North Sea Link', 'Norway'
  UNION ALL SELECT 'INTVKL', 'Viking Link', 'Denmark'
  UNION ALL SELECT 'INTIRL', 'Moyle', 'Ireland (SEM)'
  UNION ALL SELECT 'INTEW', 'East West', 'Ireland (SEM)'
  UNION ALL SELECT 'INTGRNL', 'Greenlink', 'Ireland (SEM)'
)
SELECT
  flow.settlement_date,
  flow.settlement_period,
  flow.start_time,
  flow.fuel_type AS interconnector,
  links.interconnector_name,
  links.country,
  flow.generation AS net_import_mw,
  GREATEST(flow.generation, 0) / 2 AS import_mwh,
  GREATEST(-flow.generation, 0) / 2 AS export_mwh,
  flow.generation / 2 AS net_import_mwh,
  market.wholesale_price,
  flow.generation / 2 * market.wholesale_price AS net_import_value
FROM `elexon_generation_outturn` AS flow
LEFT JOIN links ON links.fuel_type = flow.fuel_type
LEFT JOIN `wholesale_price` AS market ON market.settlement_date = flow.settlement_date AND market.start_time = flow.start_time
WHERE flow.fuel_type LIKE 'INT%'
