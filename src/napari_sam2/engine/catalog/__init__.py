"""Which models there are, where their checkpoints lie, and how they are downloaded. No torch."""
