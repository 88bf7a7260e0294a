"""What it costs: an append-only ledger."""
