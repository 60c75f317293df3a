"""What lies in the bucket: day objects and what their metadata tell."""
