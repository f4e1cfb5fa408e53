"""Data sets: what they hold, and how training reads them. Never imports a synth."""
