"""How one asks: HTTP in, rows and ids out."""
