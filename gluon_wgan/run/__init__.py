"""A run directory: what a training run writes, and how it is read again."""
