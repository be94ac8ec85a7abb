"""The objects of a session: their prompts, their order and ends, their divisions and reviews, and where they may be."""
