"""Trained generators in use: pictures of them, and files for other programs."""
