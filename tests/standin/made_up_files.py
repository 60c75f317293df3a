"""Made-up files of the data portal, by package: (name, file name, what makes the content, id or nothing) of each resource."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from standin.calendar import DAY, HALF_HOUR, day_start, day_text, iso, parse_day
from standin.values import demand_mw, noise

Made = tuple[str, str, Callable[[], bytes], str]
YEARS = range(2021, 2025)
_DEMAND = (
    "SETTLEMENT_DATE,SETTLEMENT_PERIOD,ND,TSD,ENGLAND_WALES_DEMAND,EMBEDDED_WIND_GENERATION,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_GENERATION,"
    "EMBEDDED_SOLAR_CAPACITY,NON_BM_STOR,PUMP_STORAGE_PUMPING,SCOTTISH_TRANSFER,IFA_FLOW,IFA2_FLOW,BRITNED_FLOW,MOYLE_FLOW,EAST_WEST_FLOW,"
    "NEMO_FLOW,NSL_FLOW,ELECLINK_FLOW,VIKING_FLOW,GREENLINK_FLOW"
)


def half_hours(first: int, last: int) -> list[tuple[int, int, int]]:
    """(day, period, instant) of each half hour of these days, both included."""
    return [(day, number + 1, at) for day in range(first, last + 1) for number, at in enumerate(range(day_start(day), day_start(day + 1), HALF_HOUR))]


def _demand(first: int, last: int) -> bytes:
    lines = [_DEMAND]
    for day, period, at in half_hours(first, last):
        demand = round(demand_mw(at))
        flows = ",".join(str(noise(at, cable, 3) % 2_000 - 1_000) for cable in range(11))
        lines.append(f"{day_text(day)},{period},{demand},{demand + 1500},{demand - 2500},{noise(at, 1) % 5000},6500,0,17000,0,{noise(at, 2) % 900},{flows}")
    return "\n".join([*lines, ""]).encode()


def _years() -> list[Made]:
    return [
        (f"Historic Demand Data {year}", f"demanddata_{year}.csv", partial(_demand, parse_day(f"{year}-01-01"), parse_day(f"{year}-12-31")), "")
        for year in YEARS
    ]


Cells = Callable[[int, int, int], str]


def _numbers(count: int, most: int = 1_000) -> Cells:
    """So many made-up numbers of an instant."""
    return lambda day, period, at: ",".join(str(noise(at, column, 7) % most) for column in range(count))


def _table(header: str, at: str, cells: Cells, step: int, first: int, last: int) -> bytes:
    """Lines of these days; at: how the instant is told, see _told."""
    lines = [header]
    for day, period, moment in half_hours(first, last):
        if at == "day" and period > 1:
            continue
        for extra in range(0, HALF_HOUR, step) if step < HALF_HOUR else ([0] if (moment // HALF_HOUR) % (step // HALF_HOUR) == 0 or at == "day" else []):
            lines.append(f"{_told(at, day, period, moment + extra)},{cells(day, period, moment + extra)}")
    return "\n".join([*lines, ""]).encode()


def _told(at: str, day: int, period: int, moment: int) -> str:
    text = iso(moment).removesuffix("Z")
    match at:
        case "period":
            return f"{day_text(day)},{period}"
        case "day":
            return day_text(day)
        case "hour":
            return f"{text[:10]},{text[11:16]} - {iso(moment + 3_600)[11:16]}"
        case "uk":
            minutes = (period - 1) * 30 + (60 if len(half_hours(day, day)) == 46 and period > 2 else -60 if len(half_hours(day, day)) == 50 and period > 4 else 0)
            return f"{day_text(day)}T{minutes // 60:02}:{minutes % 60:02}:00"
    return text


def _of(name: str, file: str, first: str, last: str, id: str, header: str, at: str, cells: Cells, step: int = HALF_HOUR) -> Made:
    return name, file, partial(_table, header, at, cells, step, parse_day(first), parse_day(last)), id


_FINANCIAL = (("2023-2024", "2023-12-01", "2024-03-31"), ("2024-2025", "2024-04-01", "2024-11-30"))
_MIX = "GAS COAL NUCLEAR WIND WIND_EMB HYDRO IMPORTS BIOMASS OTHER SOLAR STORAGE GENERATION"
_SHARES = f"{_MIX} LOW_CARBON ZERO_CARBON RENEWABLE FOSSIL"
_MIX_HEADER = ",".join(["DATETIME", *_MIX.split(), "CARBON_INTENSITY,LOW_CARBON,ZERO_CARBON,RENEWABLE,FOSSIL", *(f"{name}_perc" for name in _SHARES.split())])
_POINTS = "TARGETDATE,CARDINALPOINT,FORECASTDEMAND,DAYSAHEAD,CP_TYPE,CP_ST_TIME,CP_END_TIME,F_Point,FORECAST_TIMESTAMP"
_REGIONS = (
    "North Scotland,South Scotland,North West England,North East England,Yorkshire,North Wales and Merseyside,South Wales,West Midlands,East Midlands,"
    "East England,South West England,South England,London,South East England"
)
_BOTH = ("2024-03-01", "2024-11-30")


def _points(day: int, period: int, at: int) -> str:
    return f"03,{noise(at) % 30_000},1,F,30,2400,NA,{day_text(day - 1)}T08:46:43Z"


def _embedded(day: int, period: int, at: int) -> str:
    end = iso(at + HALF_HOUR)
    return f"{end[:10]}T00:00:00Z,{end[11:19]},{noise(at) % 5_000},6000,{noise(at, 2) % 9_000},17000,{day_text(day)}T00:12:00Z"


def _financial(name: str, header: str, at: str, cells: Cells) -> list[Made]:
    return [_of(name.format(period), f"{number}.csv", first, last, "", header, at, cells) for number, (period, first, last) in enumerate(_FINANCIAL)]


MADE: dict[str, Callable[[], list[Made]]] = {
    "historic-demand-data": lambda: [("Frequently Asked Questions (FAQ)", "faq.pdf", lambda: b"%PDF", ""), *_years()],
    "daily-demand-update": lambda: [
        _of("Demand Data Update", "demanddataupdate.csv", *_BOTH, "177f6fa4-ae49-4182-81ea-0c6b35f26ca6", _DEMAND, "period", lambda d, p, at: ",".join(str(20_000 + noise(at, c) % 9_000) for c in range(20)))
    ],
    "historic-generation-mix": lambda: [_of("Historic GB Generation Mix", "df_fuel_ckan.csv", *_BOTH, "", _MIX_HEADER, "utc", _numbers(33))],
    "day-ahead-power-exchange-prices-nordpool": lambda: [
        _of(" N2EX GB Day-Ahead Price", "", *_BOTH, "", "Date,Delivery Period,Price", "hour", _numbers(1), 2 * HALF_HOUR)
    ],
    "embedded-wind-and-solar-forecasts": lambda: [
        _of("Embedded Solar and Wind Forecast Archive 2024", "a.csv", *_BOTH, "", "SETTLEMENT_DATE,SETTLEMENT_PERIOD,DATE_GMT,TIME_GMT,EMBEDDED_WIND_FORECAST,EMBEDDED_WIND_CAPACITY,EMBEDDED_SOLAR_FORECAST,EMBEDDED_SOLAR_CAPACITY,Forecast_Datetime", "period", _embedded)
    ],
    "day-ahead-wind-forecast": lambda: [
        _of("Historic Day Ahead Wind Forecasts", "h.csv", *_BOTH, "", "Datetime_GMT,Date,Settlement_period,Capacity,Incentive_forecast,Forecast_Timestamp", "utc", lambda d, p, at: f"{day_text(d)},{p},25000,{noise(at) % 20_000},{day_text(d - 1)}T08:40:00")
    ],
    **{
        package: (lambda id=id: [_of("Historic", "h.csv", *_BOTH, id, _POINTS, "day", _points)])  # type: ignore[misc]
        for package, id in (
            ("1-day-ahead-demand-forecast", "9847e7bb-986e-49be-8138-717b25933fbb"), ("2-day-ahead-demand-forecast", "24abd271-5936-45c7-85f4-2a6b450ef6b7"),
            ("7-day-ahead-national-forecast", "6f7408b4-47fd-4ae7-b1e5-f095a3a5a2dc"),
        )
    },
    "eac-auction-results": lambda: [
        _of("NESO Response-Reserve Results Summary FY2024 (Archive)", "e.csv", "2024-03-31", "2024-11-30", "", "deliveryStart,auctionID,auctionProduct,serviceType,deliveryEnd,clearedVolume,clearingPrice,linkedServiceWindowID", "utc", lambda d, p, at: f"{d},DCL,Response,{iso(at + HALF_HOUR)[:19]},10,1.5,"),
        _of("NESO Response-Reserve Results By Unit FY2024 (Archive)", "u.csv", "2024-03-31", "2024-11-30", "", "deliveryStart,unitResultID,registeredAuctionParticipant,auctionUnit,auctionProduct,serviceType,deliveryEnd,executedQuantity,clearingPrice,technologyType,postCode", "utc", lambda d, p, at: f"{at},A,U-1,DCL,Response,{iso(at + HALF_HOUR)[:19]},10,1.5,Battery,AB1"),
    ],
    "system-frequency-data": lambda: [
        _of(f"{month} 2024 - Historic Frequency Data", "f.csv", f"2024-{number:02}-01", f"2024-{number:02}-{last}", "", "dtm,f", "utc", lambda d, p, at: f"50.{noise(at) % 100:03}", 600)
        for month, number, last in (("March", 3, 31), ("June", 6, 30), ("October", 10, 31))
    ],
    "day-ahead-constraint-flows-and-limits": lambda: [
        _of("Day Ahead Constraints", "c.csv", *_BOTH, "38a18ec1-9e40-465d-93fb-301e80fd1352", "Date_ Time GMT_BST,Constraint Group,Limit_MW,Flow_MW", "uk", lambda d, p, at: f"ERROEX,400,{at // HALF_HOUR % 100_000}")
    ],
    "constraint-breakdown": lambda: _financial("Constraint Breakdown {}", "Date,Reducing largest loss cost,Increasing system inertia cost,Voltage constraints cost,Thermal constraints cost,Reducing largest loss volume,Increasing system inertia volume,Voltage constraints volume,Thermal constraints volume", "day", _numbers(8)),
    "thermal-constraint-costs": lambda: [
        (name.replace("20", "", 1).replace("-20", "-"), *rest) for name, *rest in _financial("Thermal Constraint Costs Data {}", "Settlement Date,Constraint Group,Daily Cost (GBP)", "day", lambda d, p, at: f'SCOTEX,"{noise(at) % 900 + 1},000"')
    ],  # type: ignore[misc]
    "daily-balancing-costs-balancing-services-use-of-system": lambda: _financial("Daily Balancing Costs {}", "SETT_DATE,SETT_PERIOD,Energy Imbalance,Frequency Control,Positive Reserve,Negative Reserve,Constraints,Other", "period", _numbers(6)),
    "current-balancing-services-use-of-system-bsuos-data": lambda: [
        made for run in ("II", "SF", "RF") for made in _financial(f"Historic {run} BSUoS Data {{}}", "Settlement Day,Settlement Period,Run Type,BSUoS Tariff (£/MWh),Volume (MWh)", "period", lambda d, p, at, run=run: f"{run},10.74,{noise(at) % 9_000}")  # type: ignore[misc]
    ],
    "system-inertia": lambda: _financial("GB System Inertia - {}", "Settlement Date,Settlement Period,Outturn Inertia,Market Provided Inertia", "period", _numbers(2, 300)),
    "system-inertia-cost": lambda: [_of("GB System Inertia Costs 2024", "inertia_costs.csv", *_BOTH, "", "Settlement Date,Cost_per_GVAs", "day", _numbers(1))],
    "wind-bmu-boa-volumes": lambda: [
        (f"{name[:-5]}/{name[-2:]}", *rest) for name, *rest in _financial("Wind BOA Volumes {}", "Date,Settlement_Period,Generator_Name,Generator_Full_Name,BOA_Volume", "period", lambda d, p, at: f"T_MOWEO-1,Moray,-{noise(at) % 90}")
    ],  # type: ignore[misc]
    "carbon-intensity-of-balancing-actions": lambda: [_of("Carbon", "c.csv", *_BOTH, "0b7edf10-4328-4b85-a0af-e6daa6bb8428", "DATETIME,FPN,BOA,Difference", "utc", _numbers(3))],
    "national-carbon-intensity-forecast": lambda: [
        _of("N", "n.csv", *_BOTH, "0e5fde43-2de7-4fb4-833d-c7bca3b658b0", "datetime,forecast,actual,index", "utc", lambda d, p, at: f"{noise(at) % 300}.0,{noise(at, 1) % 300}.0,low")
    ],
    "regional-carbon-intensity-forecast": lambda: [_of("R", "r.csv", *_BOTH, "c16b0e19-c02a-44a8-ba05-4db2c0545a2a", f"datetime,{_REGIONS}", "utc", _numbers(14))],
    "country-carbon-intensity-forecast": lambda: [_of("C", "c.csv", *_BOTH, "e032e7aa-dea5-4695-80d6-19739142021d", "datetime,Scotland,England,Wales", "utc", _numbers(3))],
}
__all__ = ["DAY", "MADE", "half_hours"]
