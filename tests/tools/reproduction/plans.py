"""The text of plans for tests."""

from __future__ import annotations

import re

from tests.conftest import REPOSITORY

TINY = """
image_size = 32
held_out = 16
split_seed = 0
judged = 16
seeds = [0, 1]
checkpoint_every = 4

[common]
ngf = 4
ndf = 4
batch_size = 8
warmup_iters = 1
warmup_critic = 6
boost_every = 0
n_critic = 2
gen_iters = 8

[runs.wgan]
what = "plain"

[runs.gp]
what = "with a penalty"
preset = "wgan-gp"
n_critic = 2
seeds = [0]

[starts.begin]
what = "watched"
gen_iters = 2
seeds = [0]
"""


def all_names() -> str:
    """Return the quick plan with runs of one or two iterations: the same names, as little work as can be."""
    text = (REPOSITORY / "plans" / "quick.toml").read_text(encoding="utf-8")
    for pattern, wanted in (
        (r"ngf = \d+|ndf = \d+", lambda match: match[0][:6] + "4"),
        (r"batch_size = \d+", "batch_size = 7"),
        (r"warmup_critic = \d+", "warmup_critic = 3\nn_critic = 1"),
        (r"held_out = \d+", "held_out = 16"),
        (r"judged = \d+", "judged = 16"),
        (r"seeds = \[0, 1\]", "seeds = [0]"),
        (r"checkpoint_every = \d+", "checkpoint_every = 1"),
        (r"gen_iters = 40", "gen_iters = 4"),
        (r"gen_iters = (15|60|10)", "gen_iters = 2"),
    ):
        text, count = re.subn(pattern, wanted, text)
        assert count, pattern
    # Two seeds where pairs matter; samples of one iteration alone wherever the report asks for no more.
    text = text.replace("[runs.wgan]\n", "[runs.wgan]\nseeds = [0, 1]\n")
    for name in ("pil-bicubic", "cv2-bicubic", "cv2-area", "clip-0005", "clip-002", "clip-after", "init-mxnet"):
        text = text.replace(f"[runs.{name}]\n", f"[runs.{name}]\nmoments = [2]\n")
    return text.replace("[runs.cv2-bilinear]\n", "[runs.cv2-bilinear]\nseeds = [0, 1]\nmoments = [2]\n")
