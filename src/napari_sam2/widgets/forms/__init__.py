"""Docks around a typed function that magicgui makes into a form: measure, compare, and change finished masks."""
