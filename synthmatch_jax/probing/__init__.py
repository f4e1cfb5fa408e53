"""Getting to know an instrument plugin: how it behaves, and what its presets say."""
