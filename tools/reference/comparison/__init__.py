"""Step-by-step comparison of the package with the PyTorch reference: ``tools/compare_with_pytorch.py``."""
