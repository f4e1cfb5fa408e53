"""Pure signal code: reads and writes sounds, hears what is in them, computes spectra."""
