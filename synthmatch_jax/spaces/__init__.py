"""The patches of a synth as vectors in [0, 1], and the priors they are drawn from."""
