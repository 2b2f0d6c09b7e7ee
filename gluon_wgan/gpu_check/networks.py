"""Parts c, d and g: the arithmetic of products, whole steps of every preset against the CPU, and what they cost."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from typing import Any

import mxnet as mx
import numpy as np
from mxnet import Context, cpu, nd

from gluon_wgan.config.presets import PRESETS
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.gpu_check.rows import Row, at_most, relative_error
from gluon_wgan.training.dry_run import seconds_per_call
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
# Critic steps by type, and the limit relative to the largest value; in float64 two generator steps follow.
STEPS_AND_LIMITS = {"float64": (5, 1e-10), "float32": (1, 1e-5)}


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
        for dtype in STEPS_AND_LIMITS:
            yield _compare(name, options, dtype, contexts[:1])
    yield _compare("short batch", {}, "float64", contexts[:1], images=5)
    if len(contexts) > 1:
        # Without batch norm, which normalises each device's share, one device and two compute the same.
        yield _compare("two devices against one", {"preset": "wgan-gp", "no_bn": True}, "float64", contexts[:2])


def _compare(
    name: str, options: dict[str, Any], dtype: str, contexts: list[Context], images: int = SMALL["batch_size"]
) -> Row:
    """Return the largest relative difference of any weight, running statistic or score from the CPU's."""
    found, wanted = (_train(options, dtype, where, images) for where in (contexts, [cpu()]))
    furthest = max(relative_error(found[name], values) for name, values in wanted.items())
    return at_most(f"{name}, {dtype}", furthest, STEPS_AND_LIMITS[dtype][1])


def _train(options: dict[str, Any], dtype: str, contexts: list[Context], images: int) -> dict[str, np.ndarray]:
    """Return scores, weights and running statistics after some steps."""
    given = {**SMALL, **options}
    wgan = WGAN(preset_config(given.pop("preset", "gluon"), dtype=dtype, **given), contexts)
    shape = (images, given.get("nc", 3), given["image_size"], given["image_size"])
    real = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    values = {f"critic step {n}": np.array(wgan.critic_step(real).read()) for n in range(STEPS_AND_LIMITS[dtype][0])}
    if dtype == "float64":
        values.update({f"generator step {n}": np.array(wgan.generator_step().read()) for n in range(2)})
    nd.waitall()
    # In float32 the first update divides by gradients near 0, so there only what precedes it is compared.
    for role in ("generator", "critic") if dtype == "float64" else ():
        for name, parameter in getattr(wgan, role)._collect_params_with_prefix().items():
            values[f"{role}.{name}"] = parameter.data(contexts[0]).asnumpy()
    return values


def measure_steps(contexts: list[Context], mode: str) -> Iterator[Row]:
    """Yield milliseconds a step, images a second and memory: the defaults' networks on a GPU, small ones on a CPU."""
    on_gpu = contexts[0].device_type == "gpu"
    config = TrainConfig() if on_gpu else TrainConfig(image_size=32, ngf=16, ndf=16)
    wgan = WGAN(config, contexts)
    shape = (config.batch_size, config.nc, config.image_size, config.image_size)
    real = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    critic, generator = seconds_per_call(lambda: wgan.critic_step(real)), seconds_per_call(wgan.generator_step)
    name = f"{mode}, {config.image_size}x{config.image_size}, width {config.ngf}, batch {config.batch_size}"
    yield Row(f"{name}: critic step, ms", round(critic * 1000, 2))
    yield Row(f"{name}: generator step, ms", round(generator * 1000, 2))
    iteration = config.n_critic * critic + generator
    yield Row(f"{name}: images a second", round(config.n_critic * config.batch_size / iteration, 1))
    for context in contexts if on_gpu else ():
        # MXNet's pool keeps what it has once taken, so that what is in use afterwards is the peak.
        free, total = mx.context.gpu_memory_info(context.device_id)
        yield Row(f"{name}: peak memory in use on {context}, MiB", round((total - free) / 2**20))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # KiB
    yield Row(f"{name}: peak memory of the process, MiB", round(peak / 1024))
