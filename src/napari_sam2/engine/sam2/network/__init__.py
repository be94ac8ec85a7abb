"""SAM 2's network: modules under Meta's names."""
