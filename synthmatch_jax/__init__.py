"""synthmatch_jax: synthesizer sound matching in JAX.

Give it a sound, get back the patch that makes that sound on a synthesizer you own.
"""

__version__ = "0.1.0"
