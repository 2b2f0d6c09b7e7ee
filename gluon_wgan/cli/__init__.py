"""Command-line interface: one module for each sub-command, the shared flags, and the error-to-exit-status runner."""
