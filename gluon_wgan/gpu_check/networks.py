"""Parts c and d: the arithmetic of products, and whole steps of every preset against the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mxnet import Context, cpu, nd

from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import preset_config
from gluon_wgan.gpu_check.rows import Row, at_most, relative_error
from gluon_wgan.training.wgan import WGAN

# Errors of products: float32 is below, TF32 with its 10 bits is about 1e-3.
FLOAT32 = 1e-5
SMALL: dict[str, Any] = {"image_size": 16, "ngf": 4, "ndf": 4, "nz": 8, "batch_size": 8}
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"preset": name} for name in PRESETS if name != "demo"},
    "gray images": {"nc": 1, "ngf": 16, "ndf": 16},
    "gray images, wgan-gp": {"preset": "wgan-gp", "nc": 1, "ngf": 16, "ndf": 16},
    "layer norm": {"preset": "wgan-gp", "layer_norm_d": True},
    "perceptrons": {"mlp_g": True, "mlp_d": True},
}
# Relative to the largest value: float64 over 5 + 2 steps, float32 in the first critic step.
FLOAT64_LIMIT, FLOAT32_LIMIT = 1e-10, 1e-5


def check_products(contexts: list[Context], *, tf32: bool) -> Iterator[Row]:
    """Yield the relative errors of a convolution, a fully connected layer and a product in float32."""
    rng = np.random.default_rng(0)
    x, w, a, b = (rng.normal(size=s) for s in ((8, 64, 16, 16), (64, 64, 4, 4), (64, 512), (256, 512)))
    operators = {
        "convolution": (lambda p, q: nd.Convolution(p, q, num_filter=64, kernel=(4, 4), no_bias=True), x, w),
        "fully connected layer": (lambda p, q: nd.FullyConnected(p, q, num_hidden=256, no_bias=True), a, b),
        "product": (lambda p, q: nd.dot(p, q, transpose_b=True), a, b),
    }
    for context in contexts:
        for name, (operator, *factors) in operators.items():
            wanted = operator(*(nd.array(f.astype(np.float32), dtype="float64") for f in factors)).asnumpy()
            found = operator(*(nd.array(f, ctx=context, dtype="float32") for f in factors)).asnumpy()
            error = relative_error(found, wanted)
            what = f"{name}, {context}, TF32 {'allowed' if tf32 else 'off'}"
            if tf32:
                yield Row(what, f"{error:.1e}: {'float32' if error < FLOAT32 else 'TF32'}")
            else:
                yield at_most(what, error, FLOAT32)


def check_presets(contexts: list[Context]) -> Iterator[Row]:
    """Yield for every preset and variant how far the devices are from the CPU."""
    for name, options in VARIANTS.items():
        for dtype, steps, limit in (("float64", 5, FLOAT64_LIMIT), ("float32", 1, FLOAT32_LIMIT)):
            yield at_most(f"{name}, {dtype}", _distance(options, dtype, steps, contexts[:1], [cpu()]), limit)
    short = _distance({}, "float64", 5, contexts[:1], [cpu()], images=5)
    yield at_most("short batch, float64", short, FLOAT64_LIMIT)
    if len(contexts) > 1:
        # Without batch norm, which normalises each device's share, one device and two compute the same.
        options = {"preset": "wgan-gp", "no_bn": True}
        yield at_most(
            "two devices against one, float64", _distance(options, "float64", 5, contexts[:2], [cpu()]), FLOAT64_LIMIT
        )


def _distance(
    options: dict[str, Any],
    dtype: str,
    steps: int,
    contexts: list[Context],
    others: list[Context],
    images: int = SMALL["batch_size"],
) -> float:
    """Return the largest relative difference of any weight, running statistic or score after some steps."""
    found, wanted = (_train(options, dtype, steps, where, images) for where in (contexts, others))
    return max(relative_error(found[name], values) for name, values in wanted.items())


def _train(
    options: dict[str, Any], dtype: str, steps: int, contexts: list[Context], images: int
) -> dict[str, np.ndarray]:
    given = {**SMALL, **options}
    wgan = WGAN(preset_config(given.pop("preset", "gluon"), dtype=dtype, **given), contexts)
    shape = (images, given.get("nc", 3), given["image_size"], given["image_size"])
    real = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    values = {f"critic step {n}": np.array(wgan.critic_step(real).read()) for n in range(steps)}
    if dtype == "float64":
        values.update({f"generator step {n}": np.array(wgan.generator_step().read()) for n in range(2)})
    nd.waitall()
    # In float32 the first update divides by gradients near 0, so there only what precedes it is compared.
    for role in ("generator", "critic") if dtype == "float64" else ():
        for name, parameter in getattr(wgan, role)._collect_params_with_prefix().items():
            values[f"{role}.{name}"] = parameter.data(contexts[0]).asnumpy()
    return values
