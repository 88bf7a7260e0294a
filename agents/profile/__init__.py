"""The agents of profile-my-data."""
