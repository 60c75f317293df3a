"""From a public API into the bucket."""
