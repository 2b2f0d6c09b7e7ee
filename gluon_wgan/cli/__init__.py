"""Command-line interface: one module for each sub-command, the shared flags, and the runner that turns errors into exit statuses."""
