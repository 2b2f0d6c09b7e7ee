"""Rebuilding the painted portraits from the public repository that holds their originals."""
