"""What is collected, as data."""
