"""Scripts, one verb each, and the code of those that are more than a page."""
