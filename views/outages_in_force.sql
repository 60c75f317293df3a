-- Unavailability of units as the newest revision of each market message has it.
--
-- Grain: one row a message (mrid) whose newest revision is active.
-- Units: MW.
-- Time zone: instants in UTC; settlement_date and settlement_period in GB local time (days of 46, 48 and 50 periods).
-- Sources: elexon_remit_messages (REMIT, every revision, Elexon Insights API).
-- Definition: of a message the revision with the highest number counts, whenever it was published; it is left out when
-- that one is not active (dismissed or withdrawn). In force at T are the rows with event_start_time <= T and T <
-- event_end_time. Unavailable capacity is what the message says, and where it does not, normal less available capacity.
-- As known at T: the same over the revisions published until then.
-- Not covered: the course of an outage within its time (outage_profile of the table); outages that were never published,
-- and messages published before the table begins. Several messages may tell of one outage of a unit, so that sums over
-- units count double: take the largest of a unit.
--
-- Columns:
--   mrid: Message
--   revision_number: Its newest revision
--   revisions: How many revisions are known
--   first_publish_time: When the first known revision was published [UTC]
--   publish_time: When the newest was published [UTC]
--   affected_unit: Unit as the message names it
--   asset_id: Asset as the message names it, mostly the BM unit as Elexon names it
--   fuel_type: Fuel in words
--   unavailability_type: Planned or Unplanned
--   event_start_time: Start of the outage [UTC]
--   event_end_time: End of the outage [UTC]
--   normal_capacity: Capacity without the outage [MW]
--   available_capacity: Capacity during it [MW]
--   unavailable_capacity: What is missing [MW]
--   cause: Cause in the words of the participant
WITH messages AS (
  SELECT
    *,
    COUNT(*) OVER (PARTITION BY mrid) AS revisions,
    MIN(publish_time) OVER (PARTITION BY mrid) AS first_publish_time,
    ROW_NUMBER() OVER (PARTITION BY mrid ORDER BY revision_number DESC, publish_time DESC) AS place
  FROM `elexon_remit_messages`
  WHERE message_type LIKE 'Unavailabilities%'
)
SELECT
  mrid,
  revision_number,
  revisions,
  first_publish_time,
  publish_time,
  affected_unit,
  asset_id,
  fuel_type,
  unavailability_type,
  event_start_time,
  event_end_time,
  normal_capacity,
  available_capacity,
  COALESCE(unavailable_capacity, normal_capacity - available_capacity) AS unavailable_capacity,
  cause
FROM messages
WHERE place = 1 AND event_status = 'Active'
