"""What more than one part goes by: the names of the programs, where a run works, and how it asks unless told otherwise."""

VERSION = "1.1.0"
USER_AGENT = f"gb-electricity-collector/{VERSION}"
DOWNLOADER, LOADER = "enhanced_elexon_neso_downloader.py", "enhanced_bigquery_loader.py"
DEPLOYER = "deploy_data_collectors.sh"
# Flag -> environment variable and default.
PLACES = {
    "--project": ("BMRS_PROJECT", "jibber-jabber-knowledge"),
    "--bucket": ("BMRS_BUCKET", "jibber-jabber-knowledge-bmrs-data"),
    "--dataset-id": ("BMRS_DATASET", "uk_energy_prod"),
}
# Most days in one request, most requests at one time.
DEFAULT_DAYS, DEFAULT_WORKERS = 7, 16
