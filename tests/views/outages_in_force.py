from views.common import Case, rows, utc

_OUTAGE = "UnavailabilitiesOfElectricityFacilities"
# Message, revision, published, status, kind, normal, available, unavailable.
_GIVEN = [
    ("A", 1, "2024-03-30 10:00", "Active", _OUTAGE, 400.0, 0.0, 400.0), ("A", 3, "2024-03-31 00:30", "Active", _OUTAGE, 400.0, 150.0, None), ("A", 2, "2024-04-02 10:00", "Active", _OUTAGE, 400.0, 1.0, 399.0),
    # Dismissed by its newest revision; told of something else; published twice under one number.
    ("B", 1, "2024-03-30 10:00", "Active", _OUTAGE, 100.0, 0.0, 100.0), ("B", 2, "2024-03-30 11:00", "Dismissed", _OUTAGE, 100.0, 0.0, 100.0),
    ("C", 1, "2024-03-30 10:00", "Active", "OtherMarketInformation", None, None, None),
    ("D", 5, "2024-10-27 00:30", "Active", _OUTAGE, 60.0, 20.0, 40.0), ("D", 5, "2024-10-27 01:30", "Active", _OUTAGE, 60.0, 30.0, 30.0),
]  # fmt: skip
CASES = [
    Case(
        rows("elexon_remit_messages", *(
            {"mrid": mrid, "revision_number": number, "publish_time": utc(at), "event_status": status, "message_type": kind, "normal_capacity": normal, "available_capacity": available, "unavailable_capacity": gone}
            for mrid, number, at, status, kind, normal, available, gone in _GIVEN
        )),
        [
            {"mrid": "A", "revision_number": 3, "revisions": 3, "first_publish_time": utc("2024-03-30 10:00"), "publish_time": utc("2024-03-31 00:30"), "available_capacity": 150.0, "unavailable_capacity": 250.0},
            {"mrid": "D", "revision_number": 5, "revisions": 2, "first_publish_time": utc("2024-10-27 00:30"), "publish_time": utc("2024-10-27 01:30"), "available_capacity": 30.0, "unavailable_capacity": 30.0},
        ],
        name="newest revisions, dismissed and other messages",
    ),
]  # fmt: skip
