"""Measurements of speed and memory; ``python -m benchmarks`` compares the engine with other implementations."""

import os

# Read by OpenMP when torch is loaded: threads that wait for each other sleep. Otherwise they spin, and on a machine
# that has anything else to do both sides lose far more than they win, each by another amount from run to run.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
