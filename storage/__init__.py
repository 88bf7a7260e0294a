"""Where files live: one port, a folder or S3 behind it."""
