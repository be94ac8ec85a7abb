"""Runs through the frames: what is planned, tracked, stored, and done again; exact mode as well."""
