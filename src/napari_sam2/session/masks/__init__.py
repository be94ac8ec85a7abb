"""Masks that no model makes: drawn, changed by operations, interpolated, put for tracked ones, or carried over."""
