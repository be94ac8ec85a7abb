"""Estimate time and memory of a run, and check an installation."""
