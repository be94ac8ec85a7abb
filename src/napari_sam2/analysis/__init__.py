"""Measure masks and compare labels."""
