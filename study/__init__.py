"""The study behind docs/results.md: its runs and their logs, tables and pictures."""
