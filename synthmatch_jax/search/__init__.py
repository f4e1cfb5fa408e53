"""Search with the real synth: answers that are rendered, heard, and made better."""
