-- What is loaded of each table and day, and whether an analyst may rely on the day.
--
-- Grain: one row a dataset and settlement day that has been loaded.
-- Units: rows; half hours; shares as a part of 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: collector_load_ledger (a row for each time that a day was published; the newest of the newest table counts).
-- Definition: a day is over when it was read if its source was asked after the day's end; usual rows = mean rows a half
-- hour of the 14 days before and the 14 after, itself included, times the half hours of the day; looks_whole = over when
-- read, and at least 95 % of the usual rows. Where a dataset has no usual size (warnings, outages, acceptances of a calm
-- day) leave looks_whole aside.
-- Not covered: days that were never stored, which have no row: count the days of a range; what the source lacks. The
-- verification of the loader (--verify) compares with the source and is what decides.
--
-- Columns:
--   dataset: Key of the dataset; its table is elexon_ and the key (neso_ for carbon_intensity)
--   settlement_date: GB settlement day
--   half_hours: Half hours of the day: 46, 48 or 50
--   table_rows: Rows in the table
--   usual_rows: Rows that such a day usually has, by the days around it [rows]
--   share_of_usual: Rows by usual rows; null where there are none
--   is_empty: Whether the source has nothing of the day
--   was_over_when_read: Whether the source was asked after the end of the day
--   looks_whole: Whether it was, with at least 95 % of the usual rows
--   conflicts: Keys with different rows at one publication time
--   fetched_at: When the source was asked [UTC]
--   loaded_at: When the day was published in the table [UTC]
WITH newest AS (
  SELECT *, MAX(table_created) OVER (PARTITION BY dataset) AS newest_table
  FROM `collector_load_ledger`
  -- What days held before they were revised is loaded too, and is no day of its own.
  WHERE NOT ENDS_WITH(dataset, '_revisions')
),
days AS (
  SELECT
    *,
    DIV(TIMESTAMP_DIFF(TIMESTAMP(DATE_ADD(settlement_date, INTERVAL 1 DAY), 'Europe/London'), TIMESTAMP(settlement_date, 'Europe/London'), MINUTE), 30)
      AS half_hours
  FROM newest
  WHERE table_created = newest_table
  QUALIFY ROW_NUMBER() OVER (PARTITION BY dataset, settlement_date ORDER BY generation DESC, loaded_at DESC) = 1
),
usual AS (
  SELECT
    *,
    half_hours * AVG(table_rows / half_hours)
      OVER (PARTITION BY dataset ORDER BY UNIX_DATE(settlement_date) RANGE BETWEEN 14 PRECEDING AND 14 FOLLOWING) AS usual_rows,
    fetched_at >= TIMESTAMP(DATE_ADD(settlement_date, INTERVAL 1 DAY), 'Europe/London') AS was_over_when_read
  FROM days
)
SELECT
  dataset,
  settlement_date,
  half_hours,
  table_rows,
  usual_rows,
  table_rows / NULLIF(usual_rows, 0) AS share_of_usual,
  table_rows = 0 AS is_empty,
  was_over_when_read,
  IFNULL(was_over_when_read AND table_rows > 0 AND table_rows >= 0.95 * usual_rows, FALSE) AS looks_whole,
  conflicts,
  fetched_at,
  loaded_at
FROM usual
