"""Finds out how an instrument plugin behaves, and measures priors from its presets."""
