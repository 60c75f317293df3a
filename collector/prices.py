"""What the plan's work would cost at Google Cloud: list prices of August 2025 in US dollars, US multi-region.

Other locations differ (europe-west2 by up to a third); the free tier is not deducted. Load jobs are free.
"""

AS_OF = "2025-08"
STORAGE_GB_MONTH = 0.020
CLASS_A_PER_1000 = 0.005
BIGQUERY_STORAGE_GB_MONTH = 0.02
BIGQUERY_QUERY_TB = 6.25
# Records compress to about a twelfth; typed columns take about a third of the JSON.
COMPRESSION, COLUMNS = 12, 3


def storage(bytes_raw: float, objects: int) -> str:
    """Cost of storing `objects` day objects of `bytes_raw` bytes of JSON."""
    gb = bytes_raw / COMPRESSION / 1e9
    once = objects / 1_000 * CLASS_A_PER_1000
    return f"Cloud Storage: {objects:,} uploads {once:.2f} USD once, {gb:,.2f} GB {gb * STORAGE_GB_MONTH:.2f} USD a month (US list prices {AS_OF})"


def loading(bytes_raw: float) -> str:
    """Cost of loading `bytes_raw` bytes of JSON: each line is read twice, once to check it and once to publish it."""
    tb, gb = 2 * bytes_raw / 1e12, bytes_raw / COLUMNS / 1e9
    return (
        f"BigQuery: load jobs free, {tb * 1_000:,.1f} GB of queries {tb * BIGQUERY_QUERY_TB:.2f} USD once, "
        f"{gb:,.2f} GB of tables {gb * BIGQUERY_STORAGE_GB_MONTH:.2f} USD a month (US list prices {AS_OF})"
    )
