"""Sound engines behind one protocol, and their parallel use."""
