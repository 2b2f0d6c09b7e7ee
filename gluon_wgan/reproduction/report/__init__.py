"""The report: tables and figures from the rows of results, and nothing else."""
