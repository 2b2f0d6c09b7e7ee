"""An independent PyTorch WGAN, written from the papers, that imports nothing from gluon_wgan."""
