"""What the downloader and the loader share: the GB calendar, settings, day objects, HTTP, reports."""
