"""What a table's columns are like, measured in SQL: shared by the agents that judge them."""
