"""Training the PyTorch reference at full scale: the code of ``tools/train_reference.py``. Nothing here needs MXNet."""
