"""A local stand-in for the public APIs, made-up data included: Elexon Insights, NESO Carbon Intensity, the NESO data portal.

It answers on loopback the way the real services do, never kinder: parameters it does not know are ignored and
the latest data comes back with status 200; bounds are inclusive at both ends; base endpoints have the
documented and the observed caps, streams have none; FUELHH carries its label defect of before 2022-07-15;
carbon windows begin one half hour early and are cut at the end of a year. It is an independent judge of the
product and so imports none of it: the calendar here is its own. Every value is a cheap hash of (dataset,
key): nothing is stored, and two runs agree.

    python3 tests/api_standin.py serve [--port N] [--faults all --fault-rate 0.3 --seed 1] ...
    python3 tests/api_standin.py run [same options] -- COMMAND ARG...

In a test:

    with ApiStandin(now="2024-06-01T00:00Z") as api:
        api.change("FREQ", "2024-01-05", "revision")      # the source restates a day
        api.set(faults=["429", "reset"], fault_rate=0.3)  # and has a bad night
        ...                                               # run against api.elexon_url and api.carbon_url
        api.expected("FREQ", "2024-01-05")                # the records that belong to that GB settlement day

Units: times are whole seconds since 1970 UTC, days whole days since 1970, MW and MWh as in the real fields.
Codes: BOALF FUELHH DEMAND SYSWARN FREQ FUELINST B1610 MID WINDFOR NETBSAD DISBSAD CARBON (the collector's own
dataset keys are accepted too), and the further sets of Elexon that schemas.py tells. What the portal publishes (api.portal,
see ckan.py) is files, put there by a test, or made up. What is unknown about the real services was decided the unkind way; a comment
says where.

calendar, values -> datasets -> fields, grids, schemas, codes -> made_up, made_by_schema, recorded, changes -> answers, faults, switches -> queries -> source
-> control, server -> __main__: imports go to the left only.
"""

from standin.answers import Answer, Problem
from standin.calendar import (
    DAY,
    HALF_HOUR,
    Number,
    as_day,
    day_start,
    day_text,
    half_hours,
    is_summer,
    iso,
    iso_minutes,
    parse_day,
    parse_instant,
    settlement,
    working_days_after,
)
from standin.changes import CHANGES, bump_value, set_value
from standin.codes import DATA_STATUS_CODES, KNOWN, code_of
from standin.datasets import ELEXON_CODES, SPECS, Slot, Spec
from standin.faults import FAULTS
from standin.made_up import FUELS, MadeUp, fuelhh_label
from standin.queries import WORDS
from standin.recorded import replay_csv, split_records
from standin.schemas import SCHEMAS
from standin.server import ApiStandin
from standin.source import Source
from standin.switches import Switches
from standin.values import noise

__all__ = [
    "CHANGES", "DATA_STATUS_CODES", "DAY", "ELEXON_CODES", "FAULTS", "FUELS", "HALF_HOUR", "KNOWN", "SCHEMAS", "SPECS", "WORDS", "Answer",
    "ApiStandin", "MadeUp", "Number", "Problem", "Slot", "Source", "Spec", "Switches", "as_day", "bump_value",
    "code_of", "day_start", "day_text", "fuelhh_label", "half_hours", "is_summer", "iso", "iso_minutes", "noise",
    "parse_day", "parse_instant", "replay_csv", "set_value", "settlement", "split_records", "working_days_after",
]  # fmt: skip
