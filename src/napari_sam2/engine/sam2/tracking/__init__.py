"""What we build around the network: prompts, memory, crop windows, embeddings."""
