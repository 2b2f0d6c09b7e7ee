"""From encoded images to batches: sources, decoding, resizing, the packed store, batch order."""
