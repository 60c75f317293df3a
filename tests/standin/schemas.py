"""The further datasets of Elexon, as data: where each is asked for and how, its fields, grid, series and quirks.

Codes are the source's own; what has none is named after its path. Fields that may be null end in `?`. What is told here
of volumes and quirks is public fact; numbers of units and boundaries are cut to the switch `units`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

from standin import grids as g
from standin.calendar import DAY, HALF_HOUR
from standin.datasets import Spec

HOUR = 3_600


@dataclass(frozen=True)
class Schema(Spec):
    """A dataset whose records follow from the names of their fields."""

    code: str = ""
    fields: str = ""
    moments: g.Moments = g.each_half_hour
    about: g.About = g.half_hour
    series: g.Series = g.one
    label: str = ""  # what `dataset` says; nothing: there is no such field
    zoneless: str = ""  # fields whose time has no Z
    delay: int = 60  # seconds from the instant until the source shows it
    settled: int = 0  # seconds from the end of a period until it is calculated again; 0: it never is
    blank_early: bool = False  # nullable numbers are null until then
    repeats: int = 0  # one record in so many comes twice
    holes: int = 0  # instants of ten that are missing
    loses: bool = False  # the periods that the source is known to have lost
    numbers_as_text: bool = False
    between: tuple[float, float] | None = None  # what `value` lies between, where its name does not tell it
    absent_nulls: bool = False  # a null field is left out


_TABLE: list[Schema] = []


def _add(code: str, fields: str, **more: Any) -> None:
    own = code if "path" not in more else ""
    path = more.pop("path", f"/datasets/{code}")
    names = fields.replace("?", "").split()
    instant = more.pop("instant", "publishTime")
    more.setdefault("value", next((name for name in reversed(names) if name in _VALUES), (names or [""])[-1]))
    more.setdefault("label", own)
    _TABLE.append(Schema(
        code=code, fields=fields, number=zlib.crc32(code.encode()), path=path, instant=instant, key="",
        earliest=more.pop("earliest", "2016-01-01"), **more,
    ))  # fmt: skip


_VALUES = (
    "quantity", "demand", "generation", "imbalance", "margin", "surplus", "outputUsable", "deratedMargin", "temperature",
    "maximumAvailable", "amount", "levelTo", "level", "offer", "notice", "periodMin", "periodMax", "volumeMax", "rate1",
    "systemSellPrice", "indicatedImbalance", "volume", "totalVolumeAccepted", "totalCashflow", "tradePrice", "netVolume",
    "availableCapacity", "installedCapacity", "acceptanceNumber", "transmissionLossFactor", "forecastDemand60", "restoredDemand",
    "bmUnitApplicableBalancingServicesVolume", "totalExemptSupplyVolume", "loadShapePeriodValue", "loadShapeDayTotal",
)  # fmt: skip

# -- publish windows: outturn and transparency documents; the window is required, else 404

_DOCUMENT = "documentId? documentRevisionNumber publishTime "
_PERIOD = "startTime settlementDate settlementPeriod"
_REQUIRED: dict[str, Any] = {"missing": 404}


def _document(code: str, fields: str, days: int, moments: g.Moments, about: g.About, **more: Any) -> None:
    _add(code, _DOCUMENT + fields, cap=days * DAY, moments=moments, about=about, **_REQUIRED, **more)


_LOAD = (18_000, 46_000)
_KIND = "businessType? psrType? quantity "
_document(
    "AGPT", _KIND + _PERIOD, 4, g.every(HALF_HOUR, 29 * 60), g.ago(149 * 60), series=g.by_type, earliest="2021-01-01"
)
_document(
    "AGWS", _KIND + _PERIOD, 7, g.every(HALF_HOUR, 0), g.ago(150 * 60), series=g.wind_and_solar, earliest="2021-08-31"
)  # fmt: skip
# Two of five half hours are missing: 403 of 672 were there in a fortnight.
_document("ATL", _PERIOD + " quantity", 7, g.every(HALF_HOUR, 25 * 60), g.ago(85 * 60), holes=4, between=_LOAD)
_document("DATL", _PERIOD + " quantity", 7, g.at_clock(9, 30), g.next_day, between=_LOAD)
_document("DAG", "quantity " + _PERIOD, 7, g.at_clock(17, 0), g.next_day, between=_LOAD)
_document("DGWS", "processType? " + _KIND + _PERIOD, 7, g.at_clock(17, 30), g.next_day, series=g.by_process)
_document(
    "WATL", "forecastDate forecastWeek minimumPossible maximumAvailable", 367, g.weekly(4, 10), g.days_ahead(3, 9)
)
_document(
    "MATL", "forecastWeekCommencingDate forecastYear forecastMonth? minimumPossible maximumAvailable", 367,
    g.days_apart(30), g.weeks_ahead(4, 8),
)  # fmt: skip
_document(
    "YATL", "forecastYear forecastWeek minimumPossible maximumAvailable", 367, g.days_apart(365), g.weeks_ahead(1, 52)
)
_document("YAFM", "businessType? year quantity", 7_305, g.days_apart(365), g.weeks_ahead(52, 52))
_document("IGCA", "businessType? psrType? year quantity", 731, g.days_apart(365), g.weeks_ahead(0, 0), series=g.by_type)
_document("CCM", "businessType? year month? amount", 731, g.days_apart(30), g.weeks_ahead(-4, -4))
_document("FEIB", "status? year month? amount priceDirection?", 367, g.days_apart(30), g.weeks_ahead(-4, -4))
_RESERVE = "psrType? marketAgreementType? flowDirection? settlementDate "
_document("ABUC", "businessType? " + _RESERVE + "quantity", 731, g.days_apart(7), g.days_ahead(1, 1))
_document("PPBR", _RESERVE + "amount", 731, g.days_apart(7), g.days_ahead(1, 1))
_BALANCING = {"moments": g.every(HALF_HOUR, 600), "about": g.ago(600 + 2 * HALF_HOUR)}
_add(
    "AOBE", "documentId? timeSeriesId? documentRevisionNumber publishTime flowDirection? quantity secondaryQuantity? "
    + _PERIOD, cap=7 * DAY, **_BALANCING, **_REQUIRED,
)  # fmt: skip
_add(
    "BEB",
    _DOCUMENT + "bidId? flowDirection? quantity energyPrice " + _PERIOD,
    cap=7 * DAY,
    series=g.units,
    **_BALANCING,
    **_REQUIRED,
)
_add(
    "CBS", _DOCUMENT + "flowDirection? quantity timeFrom timeTo settlementDate settlementPeriod", cap=DAY, **_BALANCING,
    **_REQUIRED,
)  # fmt: skip
_add(
    "PBC", "documentId? timeSeriesId? documentRevisionNumber publishTime flowDirection? psrType? quantity"
    " procurementPrice " + _PERIOD, cap=DAY, series=g.wind_and_solar, **_BALANCING, **_REQUIRED,
)  # fmt: skip
# All of it is published at one instant: a window that misses it looks empty.
_add(
    "IGCPU", "documentId? publishTime effectiveFrom psrType? registeredResourceEicCode? registeredResourceName? bmUnit?"
    " voltageLimit? installedCapacity", cap=731 * DAY, moments=g.once("2023-01-01"), about=g.weeks_ahead(-9, -9),
    series=g.units, **_REQUIRED,
)  # fmt: skip
_add(
    "INDOD",
    "publishTime settlementDate demand?",
    cap=731 * DAY,
    moments=g.at_utc(23, 15),
    about=g.utc_day,
    **_REQUIRED,
)

# -- publish windows: forecasts, every issue kept; without a window the latest comes back

_ISSUES = g.every(HALF_HOUR, 17 * 60)
_add(
    "NDF",
    f"demand? publishTime {_PERIOD} boundary?",
    cap=DAY,
    moments=_ISSUES,
    about=g.day_ahead,
    series=lambda count: g.boundaries(0),
)
for _code, _value in {
    "TSDF": "demand", "INDGEN": "generation", "INDDEM": "demand", "IMBALNGC": "imbalance", "MELNGC": "margin",
}.items():  # fmt: skip
    _add(
        _code, f"{_value}? publishTime {_PERIOD} boundary?", cap=DAY, moments=_ISSUES, about=g.day_ahead,
        series=g.boundaries,
        between=(-40_000, -20_000) if _code == "INDDEM" else None, filters=(("boundary", "boundary"),),
    )  # fmt: skip
for _code in ("NDFD", "TSDFD"):
    _add(_code, "publishTime forecastDate demand?", cap=92 * DAY, moments=g.at_clock(14, 45), about=g.days_ahead(2, 14))
for _code in ("NDFW", "TSDFW"):
    _add(_code, "publishTime year week demand?", cap=366 * DAY, moments=g.weekly(3, 16), about=g.weeks_ahead(2, 52))
for _code, _value in {"OCNMFD": "surplus", "OCNMFD2": "margin"}.items():
    _add(_code, f"publishTime forecastDate {_value}?", cap=7 * DAY, moments=g.every(HOUR), about=g.days_ahead(2, 14))
for _code, _value in {"OCNMF3Y": "surplus", "OCNMF3Y2": "margin"}.items():
    _add(_code, f"publishTime week year {_value}?", cap=7 * DAY, moments=g.every(HOUR), about=g.weeks_ahead(2, 156))
_LOLP = f"publishTime publishingPeriodCommencingTime {_PERIOD} "
_RISK = "lossOfLoadProbability? deratedMargin?"
# The rows call themselves by another name than the path.
_add(
    "LOLPDRM", _LOLP + _RISK, label="LOLPDM", cap=12 * HOUR, moments=g.every(HALF_HOUR, 4 * 60), about=g.ahead(55), **_REQUIRED
)  # fmt: skip
_UNIT_FILTERS = (("fuelType", "fuelType"), ("bmUnit", "bmUnit"))
_add(
    "UOU2T14D", "fuelType? nationalGridBmUnit? bmUnit? publishTime? forecastDate outputUsable?", cap=4 * HOUR,
    moments=g.every(HOUR), about=g.days_ahead(2, 14), series=g.units, filters=_UNIT_FILTERS, both=True,
)  # fmt: skip
_add(
    "UOU2T3YW", "fuelType? nationalGridBmUnit? bmUnit? publishTime? week? year? outputUsable?", cap=4 * HOUR,
    moments=g.at_clock(15, 0), about=g.weeks_ahead(2, 156), series=g.units, filters=_UNIT_FILTERS, both=True,
)  # fmt: skip
# These five have a base only.
_FUEL_FILTERS = (("fuelType", "fuelType"),)
_OF_FUEL = "outputUsable? biddingZone? interconnectorName? interconnector"
_add(
    "FOU2T14D", "fuelType? publishTime? systemZone? forecastDate forecastDateTimezone? " + _OF_FUEL, stream=False,
    moments=g.every(HOUR), about=g.days_ahead(2, 14), series=g.fuels, filters=_FUEL_FILTERS,
)  # fmt: skip
_add(
    "FOU2T3YW", "fuelType? publishTime? systemZone? calendarWeekNumber? year? " + _OF_FUEL, stream=False,
    moments=g.at_clock(15, 0), about=g.weeks_ahead(2, 156), series=g.fuels, filters=_FUEL_FILTERS,
)  # fmt: skip
_add(
    "NOU2T14D", "publishTime? systemZone? forecastDate forecastDateTimezone? outputUsable?", stream=False,
    moments=g.every(HOUR), about=g.days_ahead(2, 14),
)  # fmt: skip
_add(
    "NOU2T3YW", "publishTime? systemZone? calendarWeekNumber? year? outputUsable?", stream=False,
    moments=g.at_clock(15, 0), about=g.weeks_ahead(2, 156),
)  # fmt: skip
_TEMPERATURE: dict[str, Any] = {"moments": g.at_clock(16, 45), "about": g.days_ahead(0, 0)}
_add("TEMP", "measurementDate publishTime temperature?", stream=False, latest=30 * DAY + HOUR, **_TEMPERATURE)
for _code in ("INDO", "ITSDO"):  # the halves of the demand outturn
    _add(_code, f"publishTime {_PERIOD} demand?", stream=False, cap=7 * DAY, about=g.ago(HALF_HOUR))

# -- publish windows: events

_add(
    "REMIT", "mrid? revisionNumber publishTime createdTime messageType? messageHeading? eventType? unavailabilityType?"
    " participantId? registrationCode? assetId? assetType? affectedUnit? affectedUnitEIC? affectedArea? biddingZone?"
    " fuelType? normalCapacity? availableCapacity? unavailableCapacity? eventStatus? eventStartTime eventEndTime?"
    " durationUncertainty? cause? relatedInformation? outageProfile?", cap=DAY, moments=g.some(160),
    about=g.lasting(9 * DAY, -DAY), absent_nulls=True, earliest="2017-06-01", status=True, **_REQUIRED,
)  # fmt: skip
_add(
    "SOSO", "publishTime? senderIdentification? receiverIdentification? contractIdentification? resourceProvider?"
    " tradeDirection? tradeQuantity tradePrice traderUnit? startTime endTime settlementDate", zoneless="endTime",
    cap=DAY, moments=g.every(1_200, 190), about=g.lasting(HOUR, 7_200), **_REQUIRED,
)  # fmt: skip
_add(
    "DCI", "mRID? revisionNumber publishTime? publishingPeriodCommencingTime affectedDso? demandControlId?"
    " instructionSequence demandControlEventFlag timeFrom timeTo? volume systemManagementActionFlag? amendmentFlag?",
    moments=g.days_apart(97), about=g.lasting(HOUR),
)  # fmt: skip
_add(
    "CDN", "publishTime? bscPartyId? creditDefaultLevel enteredDefaultSettlementDate enteredDefaultSettlementPeriod"
    " clearedDefaultSettlementDate? clearedDefaultSettlementPeriod? clearedDefaultText?", moments=g.some(2),
    about=g.lasting(3 * DAY, -4 * DAY), filters=(("bscPartyId", "bscPartyId"),), value="creditDefaultLevel", **_REQUIRED,
)  # fmt: skip

# -- from and to: physical and dynamic data, per unit

_LABELS = "settlementDate settlementPeriod "
_UNIT = " nationalGridBmUnit? bmUnit?"
_LEVELS = "timeFrom timeTo levelFrom levelTo"
_PER_UNIT: dict[str, Any] = {"wants": "fromto", "series": g.units, "filters": (("bmUnit", "bmUnit"),)}
for _code in ("PN", "QPN"):  # a window brings the periods that touch it, on both edges
    _add(
        _code, _LABELS + _LEVELS + _UNIT, instant="timeFrom", about=g.pieces, reach="touching", period_base=True,
        status=_code == "PN", **_PER_UNIT, **_REQUIRED,
    )  # fmt: skip
for _code in ("MELS", "MILS"):  # a window brings what overlaps it; redeclared a day later
    _add(
        _code, _LABELS + _LEVELS + " notificationTime notificationSequence" + _UNIT, instant="timeFrom",
        reach="overlapping", cap=HOUR, settled=DAY, **_PER_UNIT, **_REQUIRED,
    )  # fmt: skip
_add(
    "BOD", _LABELS + "timeFrom levelFrom timeTo levelTo pairId offer bid" + _UNIT, instant="timeFrom", cap=HOUR,
    earliest="2020-01-01", status=True, **{**_PER_UNIT, "series": g.bid_ladder}, **_REQUIRED,
)  # fmt: skip
_add(
    "QAS", _LABELS + "bmUnitApplicableBalancingServicesVolume" + _UNIT, instant="settlementDate", told_as="date",
    cap=DAY, **_PER_UNIT, **_REQUIRED,
)  # fmt: skip
_RATES = "rate1 elbow2? rate2? elbow3? rate3?"
for _code, _value in {
    "RURE": _RATES, "RURI": _RATES, "RDRE": _RATES, "RDRI": _RATES, "NDZ": "notice", "NTO": "notice", "NTB": "notice",
    "MZT": "periodMin", "MNZT": "periodMin", "MDV": "volumeMax", "MDP": "periodMax", "SEL": "level", "SIL": "level",
}.items():  # fmt: skip
    _optional = {"recent": DAY} if _code in ("SEL", "SIL") else _REQUIRED
    _add(
        _code, f"{_LABELS}time {_value}{_UNIT}", instant="time", moments=g.some(9), about=g.lasting(60), **_PER_UNIT,
        **_optional,
    )  # fmt: skip
# Dead: the same last record answers every later window.
_add(
    "NONBM", f"publishTime {_PERIOD} generation", wants="fromto", moments=g.every(HALF_HOUR, 4 * 60),
    about=g.ago(34 * 60), until=1_775_037_840, sticky=True, between=(0, 60),
)  # fmt: skip

# -- other names of the window

_add(
    "TUDM", "serialNumber? fileCreationTime tradingUnitType? tradingUnitName? settlementDate settlementPeriod"
    " settlementRunType? startTime deliveryMode? importVolume exportVolume netVolume", wants="periods",
    instant="startTime", period_base=True, series=lambda n: [{"tradingUnitName": f"MADEUP-{k}"} for k in range(n)],
    filters=(("tradingUnitName", "tradingUnitName"), ("tradingUnitType", "tradingUnitType")), delay=7 * DAY, **_REQUIRED,
)  # fmt: skip
_SUBMITTED: dict[str, Any] = {
    "wants": "submission", "instant": "submissionDateTime", "told_as": "zoneless", "cap": 366 * DAY, "earliest": "2025-01-01",
    "zoneless": "submissionDateTime publishTime", "filters": (("region", "region"), ("gspGroupId", "gspGroupId")),
    "series": g.of(region=("Scotland", "Wales"), gspGroupId=("_P", "_K")), **_REQUIRED,
}  # fmt: skip
_add(
    "RZDF", "submissionDateTime publishTime settlementDate region? gspGroupId? forecastDemand60 forecastDemand100",
    moments=g.at_clock(11, 0), about=g.days_ahead(1, 7), **_SUBMITTED,
)  # fmt: skip
_add(
    "RZDR", "submissionDateTime publishTime region? gspGroupId? restoredDemand", moments=g.days_apart(181), **_SUBMITTED
)
_SHAPE = (
    "gspGroupId? connectionTypeIndicator? marketSegmentIndicator? domesticPremiseIndicator? measurementQuantityId?"
    " runNumber eventCode? settlementPeriodDuration "
)
_SHAPES: dict[str, Any] = {
    "wants": "dates", "instant": "settlementDate", "told_as": "date", "earliest": "2025-09-01", "delay": DAY,
    "series": g.of(gspGroupId=("_A", "_K", "_P")), **_REQUIRED,
}  # fmt: skip
_add(
    "LSP", "sourceFileName? sourceFileDatetime settlementDate settlementPeriodStartDateTime settlementPeriodEndDateTime"
    " settlementPeriod " + _SHAPE + "loadShapePeriodValue defaultLoadShapeFlag?", path="/lss/load-shape-period", **_SHAPES,
)  # fmt: skip
_add(
    "LST", "sourceFileName? sourceFileDatetime settlementDate " + _SHAPE + "loadShapeDayTotal loadShapeDayPeakTotal?"
    " loadShapeDayOffPeakTotal? loadShape7DayRollingTotal loadShape7DayRollingPeakTotal?"
    " loadShape7DayRollingOffPeakTotal? loadShapeRollingAnnualTotal", path="/lss/load-shape-totals",
    moments=g.every(2 * DAY), **_SHAPES,
)  # fmt: skip
_add(
    "INTOUTHH", "publishTime? startTime? settlementDate settlementDateTimezone? settlementPeriod? interconnectorName?"
    " generation?", path="/generation/outturn/interconnectors", label="FUELHH", stream=False, instant="startTime",
    wants="publish|settlement", series=g.interconnectors, between=(-1_400, 1_400), filters=(("interconnectorName", "interconnectorName"),),
    picks_period=True, published=HALF_HOUR, envelope='"metadata":{"datasets":["FUELHH"]},',
)  # fmt: skip

# -- settlement: a date in the path, for some a side and a period


def _settlement(code: str, path: str, fields: str, **more: Any) -> None:
    """Calculated a quarter of an hour after the period, and again about a day later."""
    told_of = more.pop("told_of", code)
    more = {"instant": "startTime", "settled": DAY + 870, "delay": HALF_HOUR + 900, "oldest_first": True, **more}
    _add(
        code, fields, path=path, stream=False, label="", **more,
        envelope=f'"metadata":{{"datasets":["{told_of}"]}},',
    )  # fmt: skip


_ROOT, _SIDE = "/balancing/settlement", "{side}/{date}"
_settlement(
    "DISEBSP", _ROOT + "/system-prices/{date}", _LABELS + "startTime createdDateTime systemSellPrice systemBuyPrice"
    " bsadDefaulted priceDerivationCode? reserveScarcityPrice? netImbalanceVolume sellPriceAdjustment?"
    " buyPriceAdjustment? replacementPrice? replacementPriceReferenceVolume? totalAcceptedOfferVolume?"
    " totalAcceptedBidVolume? totalAdjustmentSellVolume? totalAdjustmentBuyVolume? totalSystemTaggedAcceptedOfferVolume?"
    " totalSystemTaggedAcceptedBidVolume? totalSystemTaggedAdjustmentSellVolume? totalSystemTaggedAdjustmentBuyVolume?",
    value="netImbalanceVolume", or_period=True, status=True,
)  # fmt: skip
_PARTY = "bmUnit? bmUnitType leadPartyName? nationalGridBmUnit? "
_BY_SIDE: dict[str, Any] = {"series": g.units, "or_period": True, "none": 404, "status": True}
_settlement(
    "BOAV", f"{_ROOT}/acceptance/volumes/all/{_SIDE}", f"createdDateTime {_LABELS}startTime {_PARTY}acceptanceId"
    " acceptanceDuration? totalVolumeAccepted? pairVolumes", repeats=23, loses=True, **_BY_SIDE,
)  # fmt: skip
_settlement(
    "DISPTAV", f"{_ROOT}/indicative/volumes/all/{_SIDE}", f"createdDateTime {_LABELS}startTime {_PARTY}dataType?"
    " totalVolumeAccepted? pairVolumes", **_BY_SIDE,
)  # fmt: skip
_settlement(
    "EBOCF", f"{_ROOT}/indicative/cashflows/all/{_SIDE}", f"{_LABELS}startTime createdDateTime? {_PARTY}"
    "bidOfferPairCashflows totalCashflow", loses=True, **_BY_SIDE,
)  # fmt: skip
_settlement(
    "ISPSTACK", _ROOT + "/stack/all/{side}/{date}/{period}", f"{_LABELS}startTime createdDateTime? sequenceNumber id?"
    " acceptanceId? bidOfferPairId? cadlFlag? soFlag? storProviderFlag? repricedIndicator reserveScarcityPrice?"
    " originalPrice? volume dmatAdjustedVolume? arbitrageAdjustedVolume? nivAdjustedVolume? parAdjustedVolume?"
    " finalPrice? transmissionLossMultiplier? tlmAdjustedVolume? tlmAdjustedCost?", series=g.stack, none=404, status=True,
    value="volume",
)  # fmt: skip
# On the same day its later half hours hold nulls.
_settlement(
    "MARKETDEPTH", _ROOT + "/market-depth/{date}", _LABELS + "indicatedImbalance? offerVolume? bidVolume?"
    " totalAcceptedOfferVolume? totalAcceptedBidVolume? pricedAcceptedOffersVolume? pricedAcceptedBidsVolume?",
    instant="settlementDate", told_as="date", or_period=True, blank_early=True, told_of='IMBALNGC","BOD","DISEBSP","DISPTAV',
)  # fmt: skip
_settlement(
    "SMSG", _ROOT + "/messages/{date}", _LABELS + "startTime messageReceivedDateTime messageSeverity? messageTypeCode?"
    " messageType? messageText?", moments=g.some(5), about=g.lasting(HALF_HOUR), or_period=True,
    series=g.of(messageType=("Made-up error",)),
)  # fmt: skip
_settlement(
    "ACCEPTANCES", _ROOT + "/acceptances/all/{date}/{period}", _LABELS + "bmUnit? nationalGridBmUnit? acceptanceNumber"
    " acceptanceTime bidPrice? offerPrice? bidOfferPairId", instant="settlementDate", told_as="date", series=g.units,
    told_of="BOALF",
)  # fmt: skip
_settlement(
    "SUMMARY", _ROOT + "/summary/{date}/{period}", "createdDateTime settlementDate settlementPeriod startTime? adjuster?"
    " priceDerivationCode? systemSellPrice? systemBuyPrice? mainPrice marketPrice", single=True, none=404,
    numbers_as_text=True,
)  # fmt: skip
_settlement(
    "S0621", "/saa/datasets/total-exempt-volume/{date}", "creationTime " + _LABELS + "settlementRunType?"
    " totalExemptSupplyVolume?", instant="settlementDate", told_as="date", earliest="2025-03-01", settled=0,
    delay=7 * DAY, filters=(("settlementRunType", "settlementRunType"),),
)  # fmt: skip

# -- whole tables, as they are now

_TABLE_NOW: dict[str, Any] = {"snapshot": True, "stream": False, "moments": g.every(2 * DAY), "delay": -DAY}
_add(
    "BMUNITS", "nationalGridBmUnit? elexonBmUnit? eic? fuelType? leadPartyName? bmUnitType? fpnFlag? bmUnitName?"
    " leadPartyId? demandCapacity? generationCapacity? productionOrConsumptionFlag? transmissionLossFactor?"
    " workingDayCreditAssessmentImportCapability? nonWorkingDayCreditAssessmentImportCapability?"
    " workingDayCreditAssessmentExportCapability? nonWorkingDayCreditAssessmentExportCapability? creditQualifyingStatus"
    " demandInProductionFlag gspGroupId? gspGroupName? interconnectorId?", path="/reference/bmunits/all", bare=True,
    series=g.register, about=g.always, **_TABLE_NOW,
)  # fmt: skip
_add(
    "INTERCONNECTORS", "interconnectorId? interconnectorName? interconnectorBiddingZone?", bare=True, value="interconnectorName",
    path="/reference/interconnectors/all", series=g.interconnectors, about=g.always, **_TABLE_NOW,
)  # fmt: skip
for _code, _path in {
    "FUELTYPES": "fueltypes", "REMITPARTICIPANTS": "remit/participants", "REMITASSETS": "remit/assets",
    "REMITFUELTYPES": "remit/fueltypes",
}.items():  # fmt: skip
    _add(
        _code,
        "",
        path=f"/reference/{_path}/all",
        bare=True,
        value="fuelType" if "FUEL" in _code else "",
        series=g.fuels,
        **_TABLE_NOW,
    )
_add(
    "DEFAULTNOTICES", "participantId participantName creditDefaultLevel enteredDefaultSettlementDate"
    " enteredDefaultSettlementPeriod clearedDefaultSettlementDate? clearedDefaultSettlementPeriod? clearedDefaultText?",
    path=_ROOT + "/default-notices", value="creditDefaultLevel", **_TABLE_NOW,
)  # fmt: skip
_add(
    "OUTTURNNOW", "fuelType? currentUsage currentPercentage halfHourUsage halfHourPercentage twentyFourHourUsage"
    " twentyFourHourPercentage", path="/generation/outturn/current", bare=True, label="FUELINST", series=g.fuels,
    filters=_FUEL_FILTERS, value="currentUsage", **_TABLE_NOW,
)  # fmt: skip
for _code, _value, _path in (("OCNMFW", "surplus", "surplus"), ("OCNMFW2", "margin", "margin")):
    _add(
        _code, f"publishTime {_value}? week year weekStartDate", path=f"/forecast/{_path}/weekly", about=g.weeks_ahead(2, 52),
        envelope=f'"metadata":{{"datasets":["{_code}"]}},', **_TABLE_NOW,
    )  # fmt: skip

# -- derived tables by plain dates, and second forms

_add(
    "PEAKDEMAND", "publishTime startTime settlementDate settlementPeriod initialTransmissionSystemDemandOutturn",
    path="/demand/peak", stream=False, wants="days", instant="startTime", moments=g.at_clock(17, 30), delay=HALF_HOUR,
    envelope='"metadata":{"datasets":["ITSDO"]},',
)  # fmt: skip
_add(
    "PEAKINDICATIVE", "settlementDate settlementPeriod halfHourEndTime demand settlementRunType",
    path="/demand/peak/indicative", stream=False, wants="days", instant="halfHourEndTime", moments=g.at_clock(17, 30),
    needs="data", delay=DAY, envelope='"metadata":{"datasets":["ITSDO"]},',
)  # fmt: skip
_add(
    "TEMPERATURE", "measurementDate publishTime temperature? temperatureReferenceAverage temperatureReferenceHigh"
    " temperatureReferenceLow", path="/temperature", stream=False, wants="days",
    envelope='"metadata":{"datasets":["TEMP"]},', **_TEMPERATURE,
)  # fmt: skip
_add(
    "LOSSOFLOAD", f"{_LOLP}forecastHorizon {_RISK}", path="/forecast/system/loss-of-load", stream=False, wants="fromto",
    instant="startTime", series=g.horizons, envelope='"metadata":{"datasets":["LOLPDRM"]},', value="deratedMargin",
    **_REQUIRED,
)  # fmt: skip
_add(
    "PERTYPE", "startTime settlementPeriod data", path="/generation/actual/per-type", stream=False, wants="fromto",
    instant="startTime", delay=3 * HOUR, envelope='"metadata":{"datasets":["AGPT"]},', **_REQUIRED,
)  # fmt: skip
_add(
    "REMITLIST", "id mrid? revisionNumber createdTime publishTime url?", path="/remit/list/by-publish", wants="fromto",
    moments=g.some(160), about=g.lasting(9 * DAY, -DAY), value="revisionNumber", earliest="2017-06-01",
    envelope='"metadata":{"datasets":["REMIT"]},', **_REQUIRED,
)  # fmt: skip

SCHEMAS = {schema.code: schema for schema in _TABLE}
