"""The recipe of the bundled model: synthetic and labelled data, clips, the loss, and the training loop."""
