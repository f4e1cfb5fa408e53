"""Pure signal code: sounds in and out, spectra, mel spectrograms, loudness."""
