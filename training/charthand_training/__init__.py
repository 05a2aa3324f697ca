"""Fine-tunes, exports and measures the models that charthand loads."""
