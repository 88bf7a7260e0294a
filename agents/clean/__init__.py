"""The agents of clean-my-data."""
