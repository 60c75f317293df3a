-- How scarce generation was foreseen to be in each half hour, and the warnings of its day.
--
-- Grain: one row a half hour with a loss of load probability.
-- Units: MW; probability from 0 to 1.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_loss_of_load_probability (LOLPDRM, every issue), elexon_indicated_margin (MELNGC, every issue,
-- boundary N), elexon_system_warnings (SYSWARN).
-- Definition: of the issues before the half hour began, the last and the highest probability; de-rated margin and
-- indicated margin of the last such issue; warnings of the settlement day, of which those that speak of a margin or a
-- capacity market notice are counted apart. A probability that is high and an outcome that is calm are no contradiction:
-- both are kept.
-- Not covered: the daily surplus forecasts (OCNMFD), capacity market notices that were given elsewhere; what a warning
-- is about, beyond its words.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   last_publish_time: Last issue before the start [UTC]
--   loss_of_load_probability: Of that issue [0 to 1]
--   derated_margin_mw: Of that issue [MW]
--   highest_loss_of_load_probability: Highest of all issues before the start [0 to 1]
--   issues: How many issues before the start are known
--   indicated_margin_mw: Last indicated margin that was published before the start; null where there is none [MW]
--   warnings_of_the_day: System warnings published on the settlement day
--   margin_warnings_of_the_day: Of these, those that speak of a margin or a capacity market notice
WITH issues AS (
  SELECT
    start_time, publish_time, loss_of_load_probability, derated_margin,
    MAX(loss_of_load_probability) OVER (PARTITION BY start_time) AS highest,
    COUNT(*) OVER (PARTITION BY start_time) AS issues,
    ROW_NUMBER() OVER (PARTITION BY start_time ORDER BY publish_time DESC) AS place
  FROM `elexon_loss_of_load_probability`
  WHERE publish_time < start_time
),
margins AS (
  SELECT start_time, margin
  FROM `elexon_indicated_margin`
  WHERE boundary = 'N' AND publish_time < start_time
  QUALIFY ROW_NUMBER() OVER (PARTITION BY start_time ORDER BY publish_time DESC) = 1
),
warnings AS (
  SELECT
    settlement_date,
    COUNT(*) AS warning_count,
    COUNTIF(REGEXP_CONTAINS(LOWER(CONCAT(warning_type, ' ', IFNULL(warning_text, ''))), 'margin|capacity market')) AS margin_count
  FROM `elexon_system_warnings`
  GROUP BY settlement_date
)
SELECT
  DATE(issue.start_time, 'Europe/London') AS settlement_date,
  DIV(TIMESTAMP_DIFF(issue.start_time, TIMESTAMP(DATE(issue.start_time, 'Europe/London'), 'Europe/London'), MINUTE), 30) + 1 AS settlement_period,
  issue.start_time,
  issue.publish_time AS last_publish_time,
  issue.loss_of_load_probability,
  issue.derated_margin AS derated_margin_mw,
  issue.highest AS highest_loss_of_load_probability,
  issue.issues,
  margins.margin AS indicated_margin_mw,
  IFNULL(warnings.warning_count, 0) AS warnings_of_the_day,
  IFNULL(warnings.margin_count, 0) AS margin_warnings_of_the_day
FROM issues AS issue
LEFT JOIN margins ON margins.start_time = issue.start_time
LEFT JOIN warnings ON warnings.settlement_date = DATE(issue.start_time, 'Europe/London')
WHERE issue.place = 1
