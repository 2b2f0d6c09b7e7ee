"""Trained generators: loading, sampling, interpolation, nearest neighbours, export, model card."""
