"""Measurements of speed and memory; ``python -m benchmarks`` compares the engine with other implementations."""
