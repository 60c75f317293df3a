-- Volume of accepted bids and offers of each unit in each half hour, computed from levels.
--
-- Grain: one row a BM unit and half hour in which an acceptance is in force.
-- Units: MWh; seconds.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_bid_offer_acceptances (BOALF), elexon_physical_notifications (PN); both hold levels in MW along
-- straight lines, not volumes.
-- Definition: in force at an instant is the last acceptance (by acceptance time, then number) whose profile covers it,
-- and where none does, the final physical notification (FPN). Volume = integral of what is in force less the FPN over
-- the half hour, exact: both are cut at every point of either, and where the difference changes its sign (BSC Section
-- T3). What is above the FPN is offer, what is below bid. Of an acceptance that was amended its newest version counts,
-- whole; one flagged DEL does not. An acceptance counts in every half hour and settlement day that it reaches into, also
-- in one that begins after its own day.
-- Not covered: what settlement publishes as BOAV, where it differs: BOAV has a volume for each acceptance, measured from
-- the acceptance before it, and for each bid-offer pair, for which the chain of acceptances and the pairs of BOD are
-- needed; so where a later acceptance takes back an earlier one, BOAV has both a bid and an offer, and this view their
-- sum, and only the net is to be compared. Volumes of RR activations and of units that deliver less than accepted are
-- not corrected. Half hours without acceptances have no row. Of a part of a half hour without FPN no volume can be told:
-- see seconds_without_notification. PN and BOALF are read a day each, but of BOALF the whole history is read for the
-- days that an acceptance reaches into (some GB); keep the answer in a table where it is asked often.
--
-- Columns:
--   settlement_date: GB settlement day
--   settlement_period: Settlement period, 1 to 46, 48 or 50
--   start_time: Start of the half hour [UTC]
--   bm_unit: BM unit as Elexon names it; null where no record has it
--   national_grid_bm_unit: BM unit as NESO names it; null where no record has it
--   net_volume: Offer and bid volume together [MWh]
--   offer_volume: Volume above the FPN [MWh]
--   bid_volume: Volume below the FPN, zero or negative [MWh]
--   accepted_seconds: For how long of the half hour an acceptance is in force [seconds]
--   seconds_without_notification: For how long of that no FPN is known; above zero, the volumes lack a part [seconds]
WITH acceptances AS (
  SELECT
    COALESCE(bm_unit, national_grid_bm_unit) AS unit, bm_unit, national_grid_bm_unit, acceptance_number, acceptance_time,
    time_from, time_to, level_from, level_to,
    CASE amendment_flag WHEN 'DEL' THEN 3 WHEN 'UPD' THEN 2 ELSE 1 END AS version
  FROM `elexon_bid_offer_acceptances`
),
newest AS (
  SELECT *
  FROM acceptances
  WHERE TRUE
  QUALIFY version = MAX(version) OVER (PARTITION BY unit, acceptance_number, DATE(acceptance_time))
),
accepted AS (
  SELECT
    acceptance.*, start_time, TIMESTAMP_ADD(start_time, INTERVAL 30 MINUTE) AS end_time, DATE(start_time, 'Europe/London') AS settlement_date
  FROM newest AS acceptance
  CROSS JOIN UNNEST(GENERATE_TIMESTAMP_ARRAY(
    TIMESTAMP_SECONDS(DIV(UNIX_SECONDS(time_from), 1800) * 1800), TIMESTAMP_SUB(time_to, INTERVAL 1 MICROSECOND), INTERVAL 30 MINUTE
  )) AS start_time
  WHERE version < 3 AND time_from < time_to
),
half_hours AS (
  SELECT settlement_date, start_time, end_time, unit, MAX(bm_unit) AS bm_unit, MAX(national_grid_bm_unit) AS national_grid_bm_unit
  FROM accepted
  GROUP BY settlement_date, start_time, end_time, unit
),
notified AS (
  SELECT half_hour.settlement_date, half_hour.start_time, half_hour.unit, line.time_from, line.time_to, line.level_from, line.level_to
  FROM `elexon_physical_notifications` AS line
  JOIN half_hours AS half_hour
    ON half_hour.settlement_date = line.settlement_date AND half_hour.unit = COALESCE(line.bm_unit, line.national_grid_bm_unit)
    AND line.time_from < half_hour.end_time AND line.time_to > half_hour.start_time
),
cuts AS (
  SELECT settlement_date, start_time, unit, start_time AS cut FROM half_hours
  UNION DISTINCT SELECT settlement_date, start_time, unit, end_time FROM half_hours
  UNION DISTINCT SELECT settlement_date, start_time, unit, time_from FROM accepted WHERE time_from > start_time
  UNION DISTINCT SELECT settlement_date, start_time, unit, time_to FROM accepted WHERE time_to < end_time
  UNION DISTINCT SELECT settlement_date, start_time, unit, time_from FROM notified WHERE time_from > start_time
  UNION DISTINCT
  SELECT settlement_date, start_time, unit, time_to FROM notified WHERE time_to < TIMESTAMP_ADD(start_time, INTERVAL 30 MINUTE)
),
pieces AS (
  SELECT
    settlement_date, start_time, unit, cut AS piece_from,
    LEAD(cut) OVER (PARTITION BY settlement_date, start_time, unit ORDER BY cut) AS piece_to
  FROM cuts
),
in_force AS (
  SELECT piece.*, line.time_from, line.time_to, line.level_from, line.level_to
  FROM pieces AS piece
  JOIN accepted AS line
    ON line.settlement_date = piece.settlement_date AND line.start_time = piece.start_time AND line.unit = piece.unit
    AND line.time_from <= piece.piece_from AND line.time_to >= piece.piece_to
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (
    PARTITION BY piece.settlement_date, piece.start_time, piece.unit, piece.piece_from
    ORDER BY line.acceptance_time DESC, line.acceptance_number DESC, line.time_from DESC
  ) = 1
),
differences AS (
  SELECT
    piece.settlement_date, piece.start_time, piece.unit,
    TIMESTAMP_DIFF(piece.piece_to, piece.piece_from, MICROSECOND) / 1000000 AS seconds,
    line.time_from IS NULL AS is_unknown,
    piece.level_from + (piece.level_to - piece.level_from)
      * (TIMESTAMP_DIFF(piece.piece_from, piece.time_from, MICROSECOND) / TIMESTAMP_DIFF(piece.time_to, piece.time_from, MICROSECOND))
      - line.level_from - (line.level_to - line.level_from)
      * (TIMESTAMP_DIFF(piece.piece_from, line.time_from, MICROSECOND) / TIMESTAMP_DIFF(line.time_to, line.time_from, MICROSECOND)) AS first_mw,
    piece.level_from + (piece.level_to - piece.level_from)
      * (TIMESTAMP_DIFF(piece.piece_to, piece.time_from, MICROSECOND) / TIMESTAMP_DIFF(piece.time_to, piece.time_from, MICROSECOND))
      - line.level_from - (line.level_to - line.level_from)
      * (TIMESTAMP_DIFF(piece.piece_to, line.time_from, MICROSECOND) / TIMESTAMP_DIFF(line.time_to, line.time_from, MICROSECOND)) AS last_mw
  FROM in_force AS piece
  LEFT JOIN notified AS line
    ON line.settlement_date = piece.settlement_date AND line.start_time = piece.start_time AND line.unit = piece.unit
    AND line.time_from <= piece.piece_from AND line.time_to >= piece.piece_to AND line.time_from < line.time_to
),
-- Where the difference changes its sign, each side of it is a triangle.
volumes AS (
  SELECT
    *,
    CASE
      WHEN first_mw >= 0 AND last_mw >= 0 THEN (first_mw + last_mw) / 2
      WHEN first_mw <= 0 AND last_mw <= 0 THEN 0
      ELSE POW(GREATEST(first_mw, last_mw), 2) / (2 * ABS(first_mw - last_mw))
    END * seconds / 3600 AS offer_volume,
    CASE
      WHEN first_mw >= 0 AND last_mw >= 0 THEN 0
      WHEN first_mw <= 0 AND last_mw <= 0 THEN (first_mw + last_mw) / 2
      ELSE -POW(LEAST(first_mw, last_mw), 2) / (2 * ABS(first_mw - last_mw))
    END * seconds / 3600 AS bid_volume
  FROM differences
)
SELECT
  volume.settlement_date,
  DIV(TIMESTAMP_DIFF(volume.start_time, TIMESTAMP(volume.settlement_date, 'Europe/London'), MINUTE), 30) + 1 AS settlement_period,
  volume.start_time,
  MAX(half_hour.bm_unit) AS bm_unit,
  MAX(half_hour.national_grid_bm_unit) AS national_grid_bm_unit,
  IFNULL(SUM(offer_volume), 0) + IFNULL(SUM(bid_volume), 0) AS net_volume,
  IFNULL(SUM(offer_volume), 0) AS offer_volume,
  IFNULL(SUM(bid_volume), 0) AS bid_volume,
  SUM(seconds) AS accepted_seconds,
  SUM(IF(is_unknown, seconds, 0)) AS seconds_without_notification
FROM volumes AS volume
JOIN half_hours AS half_hour
  ON half_hour.settlement_date = volume.settlement_date AND half_hour.start_time = volume.start_time
  AND half_hour.unit = volume.unit
GROUP BY volume.settlement_date, volume.start_time, volume.unit
