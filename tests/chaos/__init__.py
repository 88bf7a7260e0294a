"""The soak: the whole service as processes, customers who order, faults at random, and a checker of what was left."""
