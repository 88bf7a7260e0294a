"""Rules that a table keeps or breaks: what they are, where they come from, how other tools write them."""
