"""How far two states of a table lie apart: their distributions, the distances between them, and what is kept of one."""
