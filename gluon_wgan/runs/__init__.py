"""A run directory: checkpoints, metrics.csv, figures, environment and log."""
