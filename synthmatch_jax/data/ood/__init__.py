"""Sounds from outside."""
