"""The study behind docs/results.md: its runs, their logs, its tables and pictures."""
