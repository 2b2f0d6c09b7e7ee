"""Pages that need nothing but a browser: of a run, and of several runs side by side."""
