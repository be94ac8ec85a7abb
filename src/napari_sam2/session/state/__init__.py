"""What a session knows at a moment: its log, its accepted frames and limits, and the model at work."""
