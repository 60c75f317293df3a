"""Questions that an analyst would ask, at the end of a demonstration: `python3 -m collector.demo PROJECT DATASET DAY`."""

from __future__ import annotations

import sys
import textwrap
from datetime import datetime
from typing import Any

from google.cloud import bigquery

from collector.base.screen import EVERYTHING
from collector.cloud.dataset import bigquery_client
from collector.settings import load_settings

# The view that answers it, the question, the query; {day} is a settlement day, YYYY-MM-DD.
QUESTIONS = (
    (
        "generation_mix",
        "What was electricity made of on {day}?",
        """\
  SELECT category, COUNT(DISTINCT start_time) AS half_hours,
    ROUND(SUM(generation_mwh)) AS mwh, ROUND(100 * SUM(generation_mwh) / SUM(SUM(generation_mwh)) OVER (), 1) AS percent
  FROM `generation_mix`
  WHERE settlement_date = DATE '{day}' AND is_domestic
  GROUP BY category
  ORDER BY mwh DESC""",
    ),
    (
        "interconnector_flows",
        "Who sold to Great Britain on {day}, and what was it worth at the wholesale price?",
        """\
  SELECT country, ROUND(SUM(net_import_mwh)) AS net_import_mwh, ROUND(SUM(net_import_value)) AS net_import_gbp
  FROM `interconnector_flows`
  WHERE settlement_date = DATE '{day}'
  GROUP BY country
  ORDER BY 2 DESC""",
    ),
    (
        "residual_load",
        "When was most left for others than the wind to supply on {day}?",
        """\
  SELECT settlement_period, start_time, national_demand_mw, wind_mw, residual_load_mw
  FROM `residual_load`
  WHERE settlement_date = DATE '{day}'
  ORDER BY residual_load_mw DESC
  LIMIT 3""",
    ),
)


def main(project: str, dataset: str, day: str) -> int:
    """Print each question whose view there is, its query and its answer. Returns 1 where there are no rows."""
    client = bigquery_client(load_settings({"--project": project, "--dataset-id": dataset}, {}), 1)
    here = bigquery.QueryJobConfig(default_dataset=f"{project}.{dataset}")
    views = {item.table_id for item in client.list_tables(f"{project}.{dataset}")}
    answered = True
    for view, question, sql in QUESTIONS:
        if view not in views:
            continue
        asked = sql.format(day=day)
        answer = client.query_and_wait(asked, job_config=here)
        rows = [tuple(_cell(value) for value in row) for row in answer]
        print(f"\n{question.format(day=day)}\n\n{asked}\n")
        if rows:
            told = [tuple(field.name for field in answer.schema), *rows]
            print(textwrap.indent(EVERYTHING.table(told, frozenset(range(1, len(told[0])))), "  "))
        else:
            print("the query found no rows", file=sys.stderr)
            answered = False
    return 0 if answered else 1


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value:%H:%M} UTC"
    return f"{value:,.10g}" if isinstance(value, float) else "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
