"""What a user can order: tools, and how one is run. Not the Hugging Face library."""
