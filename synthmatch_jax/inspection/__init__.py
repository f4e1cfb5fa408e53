"""Inspects data sets: what they hold, how they were made, and whether they are sound."""
