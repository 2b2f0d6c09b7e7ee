"""The configuration of a training run: options, presets, checks, crops."""
