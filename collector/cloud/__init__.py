"""Google Cloud: clients, what it refuses and why, what it costs."""
