-- Spells of system frequency outside the operational limits.
--
-- Grain: one row an unbroken spell of samples below 49.8 Hz or above 50.2 Hz.
-- Units: Hz; seconds.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_frequency (FREQ, a sample every 15 seconds).
-- Definition: operational limits are 50 Hz +- 0.2 Hz, statutory ones 50 Hz +- 0.5 Hz (NESO, National Electricity
-- Transmission System Security and Quality of Supply Standard; Electricity Safety, Quality and Continuity Regulations
-- 2002). A spell is broken by a sample within limits, by one that is missing, and by a change of direction; its duration
-- is 15 seconds a sample. Samples below 45 Hz or above 55 Hz (0.0 in gaps) are no measurement. The settlement date is
-- that of the first sample.
-- Not covered: what happens between samples: rate of change and shorter spells need data of one second.
--
-- Columns:
--   settlement_date: GB settlement day of the first sample; a spell that goes on over midnight is cut there
--   start_time: First sample of the spell [UTC]
--   end_time: 15 seconds after the last sample [UTC]
--   direction: low or high
--   seconds: Samples times 15 [seconds]
--   extreme_hz: Frequency furthest from 50 Hz [Hz]
--   is_statutory: Whether it went beyond 49.5 Hz or 50.5 Hz
WITH samples AS (
  SELECT
    settlement_date, measurement_time, frequency,
    CASE WHEN frequency < 49.8 THEN 'low' WHEN frequency > 50.2 THEN 'high' END AS direction
  FROM `elexon_frequency`
  WHERE frequency BETWEEN 45 AND 55
),
before AS (
  SELECT
    *,
    LAG(direction) OVER (PARTITION BY settlement_date ORDER BY measurement_time) AS direction_before,
    LAG(measurement_time) OVER (PARTITION BY settlement_date ORDER BY measurement_time) AS time_before
  FROM samples
),
spells AS (
  SELECT
    *,
    SUM(IF(direction = direction_before AND TIMESTAMP_DIFF(measurement_time, time_before, SECOND) <= 15, 0, 1))
      OVER (PARTITION BY settlement_date ORDER BY measurement_time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS spell
  FROM before
)
SELECT
  settlement_date,
  MIN(measurement_time) AS start_time,
  TIMESTAMP_ADD(MAX(measurement_time), INTERVAL 15 SECOND) AS end_time,
  direction,
  15 * COUNT(*) AS seconds,
  IF(direction = 'low', MIN(frequency), MAX(frequency)) AS extreme_hz,
  IF(direction = 'low', MIN(frequency) < 49.5, MAX(frequency) > 50.5) AS is_statutory
FROM spells
WHERE direction IS NOT NULL
GROUP BY settlement_date, direction, spell
