"""The exploration's page: sections of tables and figures, written from the committed results of plans/standard.toml."""
