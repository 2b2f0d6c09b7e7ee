"""The report, docs/reproduction.md: verdicts of docs/preregistration.md, tables and figures, from rows."""
