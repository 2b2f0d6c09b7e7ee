"""Weights in the formats of others: the authors' PyTorch files."""
