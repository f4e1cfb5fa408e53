"""Training: one loop, pure steps, exact resume."""
