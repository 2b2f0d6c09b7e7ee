"""What the reference's names must be, written down by hand."""
