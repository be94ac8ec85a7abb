"""The log of a session: its steps, the kinds of values that they change, and how each is written."""
