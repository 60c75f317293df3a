"""A question that an analyst would ask, at the end of a demonstration: `python3 -m collector.demo PROJECT DATASET DAY`."""

from __future__ import annotations

import sys

from collector.cloud.dataset import bigquery_client
from collector.settings import load_settings


def main(project: str, dataset: str, day: str) -> int:
    """Print the mean generation by fuel on `day` (YYYY-MM-DD), with the query that finds it. Returns 1 without rows."""
    sql = f"""
  SELECT fuel_type, COUNT(*) AS half_hours, ROUND(AVG(generation)) AS mean_mw
  FROM `{project}.{dataset}.elexon_generation_outturn`
  WHERE settlement_date = DATE '{day}'
  GROUP BY fuel_type
  ORDER BY mean_mw DESC
"""
    print(sql)
    client = bigquery_client(load_settings({"--project": project, "--dataset-id": dataset}, {}), 1)
    answer = list(client.query_and_wait(sql))
    print(f"  {'fuel_type':<12}{'half_hours':>12}{'mean_mw':>12}")
    for fuel, half_hours, mean_mw in answer:
        print(f"  {fuel:<12}{half_hours:>12}{mean_mw:>12,.0f}")
    if not answer:
        print("the query found no rows", file=sys.stderr)
    return 0 if answer else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
