"""Distances between two sounds: each takes a target and an estimate and returns one number."""
