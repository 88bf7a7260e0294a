"""What can be done to a table: pure functions, one agent a file."""
