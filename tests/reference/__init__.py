"""An independent PyTorch WGAN, written from the paper, that imports nothing from gluon_wgan."""
