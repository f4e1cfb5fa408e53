"""The page on which sounds are matched: a visit, its addresses, its server and what is shown."""
