"""Data sets in the making: random patches, their sounds, and shards of records."""
