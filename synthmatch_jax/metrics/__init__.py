"""How far an estimate is from its target: distances of sounds, errors of controls."""
