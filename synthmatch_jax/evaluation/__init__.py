"""How good a model is: its patches rendered again, beside floors and ceilings."""
