"""Named sets of options: what each published variant does differently from the defaults."""

from __future__ import annotations

from typing import Any

# What PyTorch does where MXNet does otherwise.
_AS_PYTORCH: dict[str, Any] = {"eps_rule": "torch", "running_var": "unbiased"}
_RMSPROP_AS_PYTORCH = {**_AS_PYTORCH, "eps_d": 1e-8, "eps_g": 1e-8}
# As many critic steps for each generator step throughout.
_EVEN_STEPS: dict[str, Any] = {"warmup_iters": 0, "boost_every": 0}

PRESETS: dict[str, dict[str, Any]] = {
    # The project's own choice: every default above.
    "gluon": {},
    # The authors' main.py, detail by detail.
    "reference": {**_RMSPROP_AS_PYTORCH, "stop_at_epoch_end": True},
    # Algorithm 1 of the paper: clip after each update, five critic steps always. It names no epsilon, so
    # PyTorch's default stands, with which its experiments were made.
    "paper": {**_RMSPROP_AS_PYTORCH, "clip_when": "after", **_EVEN_STEPS},
    # The 2018 port as published: its "bicubic" was INTER_AREA, its clip took in the running statistics, and its
    # sample images used them and were cut off to bytes. docs/fidelity.md lists what is still different.
    "port2018": {
        "resize": "mxnet-area",
        "center_crop": "floor",
        "clip_running_stats": True,
        "sample_bn": "running",
        "stop_at_epoch_end": True,
        "init": "port2018",
        "curve_filter": 1,
        "sample_rounding": "down",
        "gen_iters": None,
        "epochs": 25,
    },
    # A course note's smaller networks and its training: one critic step, a wider clip, no warm-up.
    "lite": {
        **_RMSPROP_AS_PYTORCH,
        "arch": "lite",
        "ngf": 32,
        "ndf": 32,
        "nz": 128,
        "n_critic": 1,
        **_EVEN_STEPS,
        "lr_d": 1e-4,
        "lr_g": 1e-4,
        "clip": 0.02,
        "drop_last": True,
    },
    # Gulrajani et al. 2017, Algorithm 1, with the DCGAN networks; no batch norm in the critic.
    "wgan-gp": {
        **_AS_PYTORCH,
        "objective": "wgan-gp",
        "no_bn_d": True,
        "optimizer": "adam",
        "lr_d": 1e-4,
        "lr_g": 1e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        **_EVEN_STEPS,
    },
    # Radford et al. 2016: cross-entropy, one step each, Adam 2e-4 with beta1 0.5.
    "dcgan": {
        **_AS_PYTORCH,
        "objective": "dcgan",
        "optimizer": "adam",
        "lr_d": 2e-4,
        "lr_g": 2e-4,
        "beta1": 0.5,
        "n_critic": 1,
        **_EVEN_STEPS,
    },
    # Faces within minutes on two CPU cores: small nets, small images, steps as large as stay stable.
    "demo": {
        "image_size": 32,
        "ngf": 32,
        "ndf": 32,
        "lr_d": 2e-4,
        "lr_g": 2e-4,
        "warmup_iters": 5,
        "warmup_critic": 25,
        "gen_iters": 400,
        "sample_every": 50,
        "checkpoint_every": 200,
    },
}
"""By name, the options in which each preset differs from the defaults, as keywords of `TrainConfig`."""
