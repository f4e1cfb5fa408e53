"""The page on which sounds are matched."""
