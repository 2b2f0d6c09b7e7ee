"""How good images are: distances between sets of them, and what they are measured on."""
