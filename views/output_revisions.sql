-- How much each settlement run changed the metered output of each unit and day.
--
-- Grain: one row a BM unit, settlement day and settlement run that has been collected.
-- Units: MWh.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_individual_generation (B1610), elexon_individual_generation_revisions (what its days held before).
-- Definition: the volume of a day by a run is the sum over its half hours, each as the run last had it; change = less
-- the run before, in the order II, SF, R1, R2, R3, RF, DF.
-- Not covered: runs that were replaced between two readings of the source, or before it was first read; states not
-- loaded yet by --load-revisions.
--
-- Columns:
--   settlement_date: GB settlement day
--   bm_unit: BM unit as Elexon names it
--   settlement_run_type: Settlement run: II, SF, R1, R2, R3, RF or DF
--   half_hours: Half hours with a volume of this run
--   volume: Volume of the day by this run [MWh]
--   run_before: The run before that is known; null for the first
--   change: Volume less that of the run before [MWh]
WITH states AS (
  SELECT settlement_date, start_time, bm_unit, settlement_run_type, quantity, TIMESTAMP '9999-12-31 00:00:00+00' AS known_until
  FROM `elexon_individual_generation`
  UNION ALL
  SELECT settlement_date, start_time, bm_unit, settlement_run_type, quantity, known_until
  FROM `elexon_individual_generation_revisions`
),
runs AS (
  SELECT *
  FROM states
  WHERE settlement_run_type IS NOT NULL
  QUALIFY ROW_NUMBER() OVER (PARTITION BY settlement_date, bm_unit, settlement_run_type, start_time ORDER BY known_until DESC) = 1
),
days AS (
  SELECT
    settlement_date, bm_unit, settlement_run_type, COUNT(*) AS half_hours, SUM(quantity) AS volume,
    STRPOS('II SF R1 R2 R3 RF DF', settlement_run_type) AS run_order
  FROM runs
  GROUP BY settlement_date, bm_unit, settlement_run_type
)
SELECT
  settlement_date,
  bm_unit,
  settlement_run_type,
  half_hours,
  volume,
  LAG(settlement_run_type) OVER (PARTITION BY settlement_date, bm_unit ORDER BY run_order) AS run_before,
  volume - LAG(volume) OVER (PARTITION BY settlement_date, bm_unit ORDER BY run_order) AS change
FROM days
