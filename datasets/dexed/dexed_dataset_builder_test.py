"""TFDS's own test of a builder, on a data set of twenty short sounds."""
