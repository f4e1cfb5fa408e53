"""From a sound to the patches that make it: one sound, many files, and what is written of them."""
