-- Demand of Great Britain as outturn in each half hour.
--
-- Grain: one row a half hour that Elexon has published.
-- Units: MW, mean of the half hour; MWh.
-- Time zone: start_time in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_demand_outturn (INDO and ITSDO, Elexon Insights API).
-- Definition: INDO is generation metered on the transmission system, without station load, pumping and exports; ITSDO has
-- them (Elexon, BMRS data definitions). MWh = MW / 2.
-- Not covered: demand that embedded wind and solar meet, which INDO does not see; anything before 2016-03-01.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   national_demand_mw: Initial national demand outturn, INDO [MW]
--   transmission_system_demand_mw: Initial transmission system demand outturn, ITSDO [MW]
--   station_load_pumping_and_exports_mw: ITSDO less INDO [MW]
--   national_demand_mwh: INDO over the half hour [MWh]
--   transmission_system_demand_mwh: ITSDO over the half hour [MWh]
SELECT
  settlement_date,
  settlement_period,
  start_time,
  initial_demand_outturn AS national_demand_mw,
  initial_transmission_system_demand_outturn AS transmission_system_demand_mw,
  initial_transmission_system_demand_outturn - initial_demand_outturn AS station_load_pumping_and_exports_mw,
  initial_demand_outturn / 2 AS national_demand_mwh,
  initial_transmission_system_demand_outturn / 2 AS transmission_system_demand_mwh
FROM `elexon_demand_outturn`
