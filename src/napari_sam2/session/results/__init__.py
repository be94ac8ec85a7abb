"""What is read from a session: masks, labels, scores, effort, and exports."""
