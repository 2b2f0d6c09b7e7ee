"""From encoded pictures to batches: sources, decoding, resizing, the packed store, batch order."""
