"""Tests; run them with ``make test``."""

import gluon_wgan  # noqa: F401  (makes MXNet importable in every test module)
