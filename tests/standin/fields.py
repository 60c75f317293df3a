"""The fields of the sets that are made by schema: how the value of each is made, by its name.

The same name means the same in every set, so that a set is told by the names of its fields alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from standin.calendar import HALF_HOUR, day_text, iso, settlement
from standin.values import noise, smooth, unit


class Literal(str):
    """A JSON value as it is to be served."""


class Row(NamedTuple):
    """What the values of one record hang on: times in seconds, the series by its fields, a seed and a place."""

    code: str
    seed: int  # of the dataset and of the stand-in
    series: int  # of the series within the dataset
    given: Mapping[str, Any]  # fields of the series
    pub: int  # published
    start: int  # what the record speaks of
    end: int
    created: int  # by the calculation that it comes from
    number: int  # of the record among those of its instant, from 1
    side: str  # bid, offer or nothing
    gaps: bool

    def dice(self, what: int = 0) -> int:
        return noise(self.seed + what, self.start, self.series)


Maker = Callable[[Row], Any]

_TIMES: dict[str, Callable[[Row], int]] = {
    **dict.fromkeys(("publishTime", "submissionDateTime"), lambda row: row.pub),
    **dict.fromkeys(
        ("startTime", "timeFrom", "time", "eventStartTime", "settlementPeriodStartDateTime"), lambda row: row.start
    ),
    **dict.fromkeys(
        ("endTime", "timeTo", "eventEndTime", "halfHourEndTime", "settlementPeriodEndDateTime"), lambda row: row.end
    ),
    **dict.fromkeys(
        ("createdDateTime", "fileCreationTime", "creationTime", "sourceFileDatetime"), lambda row: row.created
    ),
    "createdTime": lambda row: row.pub - 65,
    "publishingPeriodCommencingTime": lambda row: row.pub // HALF_HOUR * HALF_HOUR,
    "notificationTime": lambda row: row.start - 10_800 + row.created % 3_600,
    "messageReceivedDateTime": lambda row: row.start + row.dice() % HALF_HOUR,
    "acceptanceTime": lambda row: row.start - row.dice() % 3_600,
}


def _day(row: Row) -> date:
    return date.fromisoformat(day_text(settlement(row.start)[0]))


def _cleared(row: Row) -> bool:
    return row.dice(3) % 3 > 0


_CALENDAR: dict[str, Maker] = {
    **dict.fromkeys(
        ("settlementDate", "forecastDate", "measurementDate", "effectiveFrom", "enteredDefaultSettlementDate"),
        lambda row: day_text(settlement(row.start)[0]),
    ),
    **dict.fromkeys(("settlementPeriod", "enteredDefaultSettlementPeriod"), lambda row: settlement(row.start)[1]),
    "clearedDefaultSettlementDate": lambda row: day_text(settlement(row.end)[0]) if _cleared(row) else None,
    "clearedDefaultSettlementPeriod": lambda row: settlement(row.end)[1] if _cleared(row) else None,
    "clearedDefaultText": lambda row: "Made-up clearing" if _cleared(row) else None,
    **dict.fromkeys(
        ("forecastWeekCommencingDate", "weekStartDate"),
        lambda row: (_day(row) - timedelta(_day(row).weekday())).isoformat(),
    ),
    **dict.fromkeys(("week", "calendarWeekNumber", "forecastWeek"), lambda row: _day(row).isocalendar()[1]),
    **dict.fromkeys(("year", "forecastYear"), lambda row: _day(row).isocalendar()[0]),
    **dict.fromkeys(("month", "forecastMonth"), lambda row: f"{_day(row):%b}".upper()),
}

# name -> (least, most, decimals); 0 decimals: an integer; what a set knows better it tells itself (`between`)
_NUMBERS: dict[str, tuple[float, float, int]] = {
    "quantity": (0, 9_000, 3), "secondaryQuantity": (0, 90, 3), "demand": (18_000, 44_000, 0),
    "generation": (-900, 12_000, 0), "imbalance": (-3_000, 3_000, 0), "indicatedImbalance": (-3_000, 3_000, 0),
    "margin": (-4_000, 20_000, 0), "surplus": (-2_000, 20_000, 0), "outputUsable": (0, 24_000, 0),
    "lossOfLoadProbability": (0, 0.002, 6), "deratedMargin": (2_000, 24_000, 3), "temperature": (-4, 26, 1),
    "temperatureReferenceAverage": (4, 18, 1), "temperatureReferenceHigh": (10, 26, 1),
    "temperatureReferenceLow": (-4, 9, 1), "minimumPossible": (18_000, 30_000, 1), "maximumAvailable": (30_000, 60_000, 1),
    "initialTransmissionSystemDemandOutturn": (30_000, 47_000, 0),
    "levelFrom": (-60, 600, 0), "levelTo": (-60, 600, 0), "level": (-60, 600, 0), "notice": (0, 60, 0),
    "periodMin": (0, 720, 0), "periodMax": (0, 720, 0), "volumeMax": (0, 900, 0), "rate1": (0.2, 50, 1),
    "rate2": (0.2, 50, 1), "rate3": (0.2, 50, 1), "elbow2": (0, 400, 0), "elbow3": (0, 400, 0),
    "bmUnitApplicableBalancingServicesVolume": (-20, 20, 3), "offer": (30, 400, 2), "bid": (-90, 60, 2),
    "offerPrice": (30, 400, 2), "bidPrice": (-90, 60, 2), "energyPrice": (10, 400, 2), "tradePrice": (10, 300, 2),
    "tradeQuantity": (5, 500, 1), "procurementPrice": (0, 90, 2), "systemSellPrice": (-60, 300, 18),
    "netImbalanceVolume": (-700, 700, 15), "totalAcceptedOfferVolume": (0, 1_500, 13),
    "totalAcceptedBidVolume": (-1_800, 0, 13), "totalSystemTaggedAcceptedOfferVolume": (0, 900, 13),
    "totalSystemTaggedAcceptedBidVolume": (-900, 0, 13), "totalAdjustmentSellVolume": (-300, 0, 3),
    "totalAdjustmentBuyVolume": (0, 300, 3), "offerVolume": (55_000, 62_000, 1), "bidVolume": (-66_000, -60_000, 1),
    "pricedAcceptedOffersVolume": (0, 400, 6), "pricedAcceptedBidsVolume": (-600, 0, 6), "volume": (0, 90, 12),
    "originalPrice": (-60, 300, 2), "finalPrice": (-60, 300, 2), "transmissionLossMultiplier": (0.97, 1.02, 6),
    "totalVolumeAccepted": (0, 120, 6), "totalCashflow": (0, 9_000, 2), "adjuster": (0, 2, 2),
    "totalExemptSupplyVolume": (0, 300, 3), "importVolume": (-90, 0, 3), "exportVolume": (0, 90, 3),
    "netVolume": (-90, 90, 3), "normalCapacity": (20, 900, 1), "availableCapacity": (0, 900, 1),
    "unavailableCapacity": (0, 900, 1), "installedCapacity": (20, 1_800, 1), "voltageLimit": (11, 400, 0),
    "amount": (1_000, 9_000_000, 2), "creditDefaultLevel": (1, 2, 0), "revisionNumber": (1, 147, 0),
    "forecastDemand60": (100, 4_000, 0), "forecastDemand100": (100, 7_000, 0), "restoredDemand": (0, 4_000, 0),
    "reserveScarcityPrice": (0, 0, 1), "sellPriceAdjustment": (0, 0, 2), "buyPriceAdjustment": (0, 0, 2),
    "runNumber": (1, 9, 0), "settlementPeriodDuration": (30, 30, 0), "acceptanceId": (1, 99_999, 0),
    "acceptanceNumber": (1, 99_999, 0), "bidOfferPairId": (1, 5, 0), "instructionSequence": (1, 9, 0),
    "currentUsage": (0, 20_000, 0), "halfHourUsage": (0, 20_000, 0), "twentyFourHourUsage": (0, 400_000, 0),
    "currentPercentage": (0, 60, 1), "halfHourPercentage": (0, 60, 1), "twentyFourHourPercentage": (0, 60, 1),
}  # fmt: skip
_ANY_NUMBER = (0, 500, 3)  # loadShape..., ...AdjustedVolume: nothing known
_PLAIN_NUMBERS = ("Volume", "Total", "Value", "Cost", "Price", "Adjustment")  # how the names of such numbers end
# Nulls in every record of a set that has them, and in some.
_ALWAYS_NULL = ("systemZone", "arbitrageAdjustedVolume", "replacementPriceReferenceVolume")
_OFTEN_NULL = ("replacementPrice", "elbow2", "rate2", "elbow3", "rate3", "voltageLimit", "affectedDso")

_CHOICES: dict[str, tuple[Any, ...]] = {
    "flowDirection": ("Up", "Down", "Symmetric"), "marketAgreementType": ("Daily", "Weekly", "Yearly"),
    "priceDerivationCode": ("N", "P"), "priceDirection": ("Excess", "Insufficient"), "status": ("Final", "Provisional"),
    "eventType": ("Production unavailability", "Transmission unavailability"), "eventStatus": ("Active", "Inactive", "Dismissed"),
    "unavailabilityType": ("Planned", "Unplanned"), "messageType": ("UnavailabilitiesOfElectricityFacilities",),
    "messageHeading": ("REMIT Information", "Actual Availability of Generation Unit"), "assetType": ("Production", "Consumption"),
    "affectedArea": (None, "B7"), "cause": ("Ambient Conditions", "Planned Outage", None), "relatedInformation": (None, "Made up"),
    "durationUncertainty": (None, "Made up"), "forecastDateTimezone": ("Europe/London",), "settlementDateTimezone": ("Europe/London",),
    "tradeDirection": ("Bid", "Offer"), "traderUnit": ("EWIC_NG",), "amendmentFlag": ("ORI", "UPD"),
    "deliveryMode": ("Export", "Import"), "tradingUnitType": ("Sole", "Base"), "settlementRunType": ("II", "SF", "R1"),
    "acceptanceDuration": ("S", "L"), "dataType": ("Original",), "messageSeverity": ("ERR", "WRN"), "messageTypeCode": ("ERR-BM-001",),
    "messageText": ("No FPN files have been received.",), "eventCode": (None, "D"), "fpnFlag": (True, False),
    "biddingZone": ("10YGB----------A",),
    "productionOrConsumptionFlag": ("P", "C"), "interconnectorId": (None,), "eic": (None,), "documentRevisionNumber": (1,),
    **dict.fromkeys(("demandControlEventFlag", "systemManagementActionFlag", "defaultLoadShapeFlag"), ("Y", "N")),
    **dict.fromkeys(("soFlag", "storProviderFlag", "repricedIndicator", "bsadDefaulted", "interconnector"), (False, False, False, True)),
    **dict.fromkeys(("creditQualifyingStatus", "demandInProductionFlag"), (True, False)),
    **dict.fromkeys(("gspGroupId", "region"), ("_A", "_K", "_P")), "gspGroupName": ("South Wales", "Eastern"),
}  # fmt: skip


def _loss_factor(row: Row) -> str:
    """Another one each April."""
    day = date.fromisoformat(day_text(settlement(row.pub)[0]))
    return f"{(noise(row.seed, row.series, day.year - (day.month < 4)) % 4_000 - 2_000) / 1e5:.7f}"


# Numbers that the unit list tells as text.
_AS_TEXT = {
    "transmissionLossFactor": _loss_factor,
    **dict.fromkeys(
        (
            "demandCapacity", "generationCapacity",
            *(f"{on}CreditAssessment{way}Capability" for on in ("workingDay", "nonWorkingDay") for way in ("Import", "Export")),
        ),
        lambda row: f"{noise(row.seed, row.series) % 9_000 / 10:.3f}",
    ),
}  # fmt: skip


def _number(name: str, between: tuple[float, float] | None = None) -> Maker:
    low, high, decimals = _NUMBERS.get(name, _ANY_NUMBER)
    low, high = between or (low, high)
    mark = zlib.crc32(name.encode())

    def value(row: Row) -> Any:
        share = 0.96 * smooth((row.seed ^ mark) + row.series * 7, row.start, 14_400)
        share += 0.04 * unit(row.seed + mark, row.start + row.series, row.created)
        number = low + (high - low) * share
        number = -abs(number) if row.side == "bid" and "Price" not in name else number
        if decimals == 18:  # as many digits as a float never has
            return Literal(f"{round(number, 6):.18f}")
        return round(number, decimals or None)

    return value


def _pair_values(noisy: bool) -> Maker:
    """The twelve named members of which each may be null."""

    def value(row: Row) -> dict[str, float | None]:
        names = [f"{way}{place}" for way in ("negative", "positive") for place in range(1, 7)]
        way = "negative" if row.side == "bid" else "positive"
        found: dict[str, float | None] = dict.fromkeys(names)
        found[f"{way}1"] = (row.dice(1) % 90_000 / 1_000) * (-1 if row.side == "bid" else 1) + (1e-12 if noisy else 0)
        return found

    return value


def _profile(row: Row) -> list[dict[str, Any]] | None:
    """An outage in steps; most messages have none."""
    if row.dice(5) % 3:
        return None
    middle = (row.start + row.end) // 2
    return [
        {"startTime": iso(row.start), "endTime": iso(middle), "capacity": 0.0},
        {"startTime": iso(middle), "endTime": iso(row.end), "capacity": 45.5},
    ]


PSR = (
    *((("Production"), kind) for kind in (
        "Biomass", "Fossil Gas", "Fossil Hard coal", "Fossil Oil", "Hydro Pumped Storage",
        "Hydro Run-of-river and poundage", "Nuclear", "Other",
    )),
    ("Solar generation", "Solar"), ("Wind generation", "Wind Offshore"), ("Wind generation", "Wind Onshore"),
)  # fmt: skip


def _by_type(row: Row) -> list[dict[str, Any]]:
    return [
        {"businessType": business, "psrType": psr, "quantity": noise(row.seed, row.start, place) % 9_000}
        for place, (business, psr) in enumerate(PSR)
    ]


def _price_parts(first: int) -> Maker:
    """Cost, volume and value, as text."""
    names = ("cost", "volume", "value")
    return lambda row: {name: f"{row.dice(first + n) % 90_000 / 100:.2f}" for n, name in enumerate(names)}


_SPECIAL: dict[str, Maker] = {
    "documentId": lambda row: f"NGET-EMFIP-{row.code}-{row.pub // 60 % 10**8:08d}",
    "systemBuyPrice": _number("systemSellPrice"),  # one price since 2015
    # 9999 means: not to be taken
    "offer": lambda row: 9999.0 if row.dice(8) % 12 == 0 else _number("offer")(row),
    "bid": lambda row: -9999.0 if row.dice(9) % 12 == 0 else _number("bid")(row),
    "totalCashflow": lambda row: _number("totalCashflow")(row) + 1e-12,  # float noise of the source
    "sequenceNumber": lambda row: row.number,
    "notificationSequence": lambda row: 235_000_000 + row.created // 60 % 1_000_000,
    "cadlFlag": lambda row: None if row.side == "offer" else row.dice(4) % 7 == 0,
    # the last row of a stack is an adjustment item, of no acceptance
    "acceptanceId": lambda row: None if row.given.get("adjustment") else 1 + row.dice(2) % 99_999,
    "bidOfferPairId": lambda row: None if row.given.get("adjustment") else 1 + row.dice(6) % 5,
    "mrid": lambda row: (
        f"48X00000{row.dice(1) % 10**8:08d}-{('NGET', 'ELXP')[row.dice(1) % 2]}-RMT-{row.dice(7) % 10**8:08d}"
    ),
    "url": lambda row: f"/bmrs/api/v1/remit/{row.dice(7) % 10**6}",
    "contractIdentification": lambda row: f"NG_{_day(row):%Y%m%d}_{row.start // 3600 % 24:02d}00_{row.number}",
    "outageProfile": _profile,
    "pairVolumes": _pair_values(noisy=False),
    "bidOfferPairCashflows": _pair_values(noisy=True),
    "data": _by_type,
    "id": lambda row: row.dice(7) % 10**6,
    "mainPrice": _price_parts(0),
    "marketPrice": _price_parts(3),
    **_AS_TEXT,
}


def _plain(name: str, between: tuple[float, float] | None) -> Maker:
    """The maker of a field's value; between: what it lies between in this set."""
    if between:
        return _number(name, between)
    if name in _TIMES:
        time = _TIMES[name]
        return lambda row: iso(time(row))
    if name in _CALENDAR:
        return _CALENDAR[name]
    if name in _SPECIAL:
        return _SPECIAL[name]
    if name in _CHOICES:
        choices, mark = _CHOICES[name], zlib.crc32(name.encode())
        return lambda row: choices[row.dice(mark) % len(choices)]
    if name in _NUMBERS or name.endswith(_PLAIN_NUMBERS):
        return _number(name)
    return lambda row: f"{name}-{row.dice(11) % 40}"  # an identifier of which only the name is known


@lru_cache(maxsize=2_000)
def maker(name: str, nullable: bool, zoned: bool, between: tuple[float, float] | None) -> Maker:
    """How a field's value is made. zoned: whether its time ends in Z; between: see _plain."""
    if name in _ALWAYS_NULL:
        return lambda row: None
    plain, mark = _plain(name, between), zlib.crc32(name.encode())
    if not zoned:
        return lambda row: plain(row)[:-1]
    if not nullable or name in _CALENDAR or name in _TIMES:
        return plain
    one_in = 2 if name in _OFTEN_NULL else 0 if name not in _NUMBERS else 211
    if not one_in:
        return plain
    return lambda row: None if (row.gaps or one_in == 2) and row.dice(mark) % one_in == 0 else plain(row)
