"""What knows neither datasets nor clouds: the calendar, texts, errors, the process itself."""
