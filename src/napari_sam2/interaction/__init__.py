"""Between the session and a window: pending prompts, the loaded model, autosave. No Qt, no napari."""
