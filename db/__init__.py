"""What is remembered: rows."""
