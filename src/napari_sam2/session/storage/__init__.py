"""The session file, its values, the image it belongs to, and where files lie."""
