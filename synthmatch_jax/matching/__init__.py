"""Finds the patches that make a sound: for one sound, or for many files, and writes them."""
