"""An independent PyTorch WGAN, written from the papers.

The modules here import nothing from gluon_wgan. ``runner/`` trains it by the package's loop, and ``comparison/`` trains
both side by side.
"""
