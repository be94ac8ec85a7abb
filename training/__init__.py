"""The recipe of the bundled model: scenes, clips, the walk over a clip, the loss, and the loop around them."""
