"""Names that more than one part goes by: the two programs, and where a run works."""

VERSION = "1.1.0"
DOWNLOADER, LOADER = "enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"
# Flag -> environment variable and default.
PLACES = {
    "--project": ("BMRS_PROJECT", "jibber-jabber-knowledge"),
    "--bucket": ("BMRS_BUCKET", "jibber-jabber-knowledge-bmrs-data"),
    "--dataset-id": ("BMRS_DATASET", "uk_energy_prod"),
}
