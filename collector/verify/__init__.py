"""Whether all is there and right, and how that is told."""
