"""How a drawn face is painted: traits are chosen first, then painted back to front."""
