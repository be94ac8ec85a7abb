"""Score models on labelled sets."""
