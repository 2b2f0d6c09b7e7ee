"""Training beside an independent PyTorch WGAN, step by step: the code of ``tools/parity_trajectory.py``."""
