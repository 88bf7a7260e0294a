"""The agents of master-my-data."""
