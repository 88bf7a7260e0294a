"""Which fields a table must have, so that it is known where it comes from and what it may be used for."""
