"""Personal data: what sorts there are, how a column of it is found, how few rows hide a person, what may be shown."""
