"""Comparison of resize backends: measures, aliasing, decoders, verdict."""
