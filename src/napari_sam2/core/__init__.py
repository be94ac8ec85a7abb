"""Values that every part shares: volumes, frames, prompts, masks. NumPy only."""
