"""How far an estimate is from its target: distances of sounds and errors of controls."""
