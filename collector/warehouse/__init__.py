"""From the bucket into BigQuery."""
