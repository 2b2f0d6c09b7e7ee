"""Side-by-side timings, one script for each question."""
