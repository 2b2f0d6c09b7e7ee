"""PyTorch's optimisers in MXNet against PyTorch's own."""

from __future__ import annotations

import mxnet as mx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mxnet import nd

from gluon_wgan.errors import UserError
from gluon_wgan.training.torch_optimizers import TorchAdam, TorchRMSProp, stretch

STEPS, SIZE = 1000, 60
RMSPROP = {"lr": 5e-5, "alpha": 0.99, "eps": 1e-8}
ADAM = {"lr": 1e-4, "eps": 1e-8}
CASES = {
    "rmsprop": ("RMSprop", RMSPROP),
    "rmsprop decayed": ("RMSprop", {**RMSPROP, "weight_decay": 1e-3}),
    "rmsprop momentum": ("RMSprop", {**RMSPROP, "momentum": 0.9, "weight_decay": 1e-3}),
    "rmsprop centred": ("RMSprop", {**RMSPROP, "alpha": 0.9, "centered": True, "momentum": 0.5}),
    "adam": ("Adam", {**ADAM, "betas": (0.5, 0.999)}),
    "adam without mean": ("Adam", {**ADAM, "betas": (0.0, 0.9)}),
    "adam decayed": ("Adam", {**ADAM, "betas": (0.9, 0.999), "weight_decay": 1e-3}),
}
# Decays this slow are 1e-5 to 1e-4 off in float32, so that each place that makes up for it shows.
SLOW = {
    "slow rmsprop": ("RMSprop", {**RMSPROP, "alpha": 0.9993}),
    "slow adam": ("Adam", {**ADAM, "betas": (0.9993, 0.9999)}),
}


def ours(kind: str, options: dict, **extra):
    """Return our optimiser for PyTorch's name and options."""
    names = {"lr": "learning_rate", "weight_decay": "wd"}
    renamed = {names.get(name, name): value for name, value in options.items()}
    if kind == "Adam":
        renamed["beta1"], renamed["beta2"] = renamed.pop("betas")
    return {"RMSprop": TorchRMSProp, "Adam": TorchAdam}[kind](**renamed, **extra)


def gradients(steps: int = STEPS, size: int = SIZE) -> np.ndarray:
    """Return (steps, size) normal gradients, whose size goes from 1e-8 to 1e2 along the weights."""
    return np.random.default_rng(0).normal(size=(steps, size)) * 10 ** np.linspace(-8, 2, size)


def run_ours(optimizer, start, series, dtype, from_zero=False) -> np.ndarray:
    """Return the last weights; with from_zero, what each step alone moves, one row for each."""
    given = nd.array(series, dtype=dtype)
    weight, moved = nd.array(start, dtype=dtype), nd.zeros(given.shape, dtype=dtype)
    state = optimizer.create_state(0, weight)
    for number in range(len(series)):
        optimizer.update(0, moved[number] if from_zero else weight, given[number], state)
    return (moved if from_zero else weight).asnumpy()


def run_torch(torch, kind, options, start, series, dtype, from_zero=False) -> np.ndarray:
    weight = torch.nn.Parameter(torch.tensor(start.astype(dtype)))
    optimizer, moved = getattr(torch.optim, kind)([weight], **options), []
    for gradient in torch.tensor(series.astype(dtype)):
        if from_zero:
            weight.data.zero_()
        weight.grad = gradient
        optimizer.step()
        if from_zero:
            moved.append(weight.detach().numpy().copy())
    return np.array(moved) if from_zero else weight.detach().numpy()


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    exact = expected.astype("float64")
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_thousand_steps_end_where_torch_ends(require_torch, name):
    torch = require_torch()
    kind, options = CASES[name]
    start, series = np.random.default_rng(1).normal(size=SIZE) * 0.02, gradients()
    exact = run_torch(torch, kind, options, start, series, "float64")
    theirs = run_torch(torch, kind, options, start, series, "float32")
    single = run_ours(ours(kind, options), start, series, "float32")
    double = run_ours(ours(kind, options), start, series, "float64")
    assert distance(double, exact) < 1e-12
    assert distance(single, theirs) < 1e-6
    assert distance(single, exact) < 1e-6
    assert distance(exact, start) > 0.01, "nothing moved"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rmsprop", "rmsprop momentum", "adam", "adam without mean", *SLOW])
def test_every_one_of_a_thousand_steps_is_as_long_as_torchs(require_torch, name):
    # From 0 the weight after a step is the step itself, to the last bit of float32.
    torch = require_torch()
    kind, options = {**CASES, **SLOW}[name]
    start, series = np.zeros(SIZE), gradients()
    found = run_ours(ours(kind, options), start, series, "float32", from_zero=True)
    expected = run_torch(torch, kind, options, start, series, "float32", from_zero=True)
    # Where gradients of both signs are averaged or gathered they cancel, and what is left has the rounding of
    # what was there: about lr in an average, lr / (1 - momentum) in the buffer.
    scale = 1 / (1 - options["momentum"]) if "momentum" in options else options.get("betas", [0])[0] > 0
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * options["lr"] * scale)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("RMSprop", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-8, "momentum": 0.9}),
        ("RMSprop", {"lr": 1e-3, "alpha": 0.9, "eps": 1e-8, "momentum": 0.5, "centered": True}),
        ("Adam", {"lr": 1e-3, "betas": (0.9, 0.99), "eps": 1e-8}),
    ],
)
def test_a_learning_rate_that_changes_between_steps_scales_what_momentum_has_gathered(require_torch, kind, options):
    # A buffer that held steps already multiplied by their learning rates would keep the old rates for a while.
    torch = require_torch()
    rates, series = [1e-3, 1e-3, 1e-1, 1e-5, 1e-2], np.random.default_rng(1).normal(size=(5, 7))
    start = np.ones(7)
    theirs = torch.nn.Parameter(torch.tensor(start))
    reference, optimizer = getattr(torch.optim, kind)([theirs], **options), ours(kind, options)
    weight = nd.array(start, dtype="float64")
    state = optimizer.create_state(0, weight)
    for rate, gradient in zip(rates, series):
        reference.param_groups[0]["lr"] = rate
        theirs.grad = torch.tensor(gradient)
        reference.step()
        optimizer.set_learning_rate(rate)
        optimizer.update(0, weight, nd.array(gradient, dtype="float64"), state)
        np.testing.assert_allclose(weight.asnumpy(), theirs.detach().numpy(), rtol=1e-12)


def test_momentum_and_a_new_learning_rate_by_hand():
    # alpha 0 and eps 0 make g / r the sign of g: the buffer is 1, then 0.5 + 1, then 0.75 - 1.
    optimizer = TorchRMSProp(learning_rate=1.0, alpha=0.0, eps=0.0, momentum=0.5)
    weight, found = nd.zeros((1,), dtype="float64"), []
    state = optimizer.create_state(0, weight)
    for rate, gradient in ((1.0, 3.0), (10.0, 2.0), (100.0, -4.0)):
        optimizer.set_learning_rate(rate)
        optimizer.update(0, weight, nd.array([gradient], dtype="float64"), state)
        found.append(float(weight.asscalar()))
    assert found == [-1.0, -1.0 - 15.0, -16.0 + 25.0]


def test_epsilon_stands_outside_the_root():
    # g = eps = 1e-8: n = 1e-18, root 1e-9, step lr * 1e-8 / 1.1e-8. Inside, it would be lr * 1e-8 / 1e-4.
    weight, gradient = nd.zeros(1), nd.array([1e-8])
    optimizer = ours("RMSprop", {**RMSPROP, "lr": 1.0})
    optimizer.update(0, weight, gradient, optimizer.create_state(0, weight))
    assert weight.asscalar() == pytest.approx(-1 / 1.1, rel=1e-6)
    # Adam's first step is lr * g / (|g| + eps); MXNet's own has eps / sqrt(1 - beta2) there.
    weight[:] = 0
    optimizer = ours("Adam", {"lr": 1.0, "betas": (0.5, 0.999), "eps": 1e-8})
    optimizer.update(0, weight, gradient, optimizer.create_state(0, weight))
    assert weight.asscalar() == pytest.approx(-1 / 2, rel=1e-6)


@given(
    st.floats(0.01, 0.9999),
    st.sampled_from([0.0, 1e-12, 1e-8, 1e-3]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([0.0, 0.9]),
    st.sampled_from([1.0, 0.25]),
    st.sampled_from(["RMSprop", "Adam"]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_constants_agree_with_torch(require_torch, decay, eps, wd, momentum, rescale, kind):
    torch = require_torch()
    options = {"lr": 1e-3, "eps": eps, "weight_decay": wd}
    if kind == "Adam":
        options["betas"] = (momentum, decay)
    else:
        options |= {"alpha": decay, "momentum": momentum}
    start, series = np.random.default_rng(1).normal(size=SIZE) * 0.02, gradients(5)
    exact = run_torch(torch, kind, options, start, series * rescale, "float64")
    for dtype, bound in (("float64", 1e-12), ("float32", 1e-6)):
        found = run_ours(ours(kind, options, rescale_grad=rescale), start, series, dtype)
        assert distance(found, exact) < bound


@pytest.mark.parametrize(
    ("kind", "decays"),
    [
        ("RMSprop", {"alpha": 0.0}),
        ("RMSprop", {"alpha": 1.0}),
        ("RMSprop", {"alpha": 1 - 1e-9}),
        ("Adam", {"betas": (0.0, 1 - 1e-9)}),
        ("Adam", {"betas": (1 - 1e-9, 0.0)}),
    ],
)
def test_the_ends_of_the_decays_agree_with_torch(require_torch, kind, decays):
    # 1 - 1e-9 rounds to 1 in float32, where the fused operator would forget every gradient.
    torch = require_torch()
    options = {"lr": 1e-3, "eps": 1e-3, **decays}
    start, series = np.zeros(SIZE), gradients(20)
    found = run_ours(ours(kind, options), start, series, "float32", from_zero=True)
    expected = run_torch(torch, kind, options, start, series, "float32", from_zero=True)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("options", [{}, {"rescale_grad": 0.5}, {"wd": 0.1}, {"rescale_grad": 0.5, "wd": 0.1}])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_gradient_stays_as_it_was(options, momentum):
    optimizer = TorchRMSProp(learning_rate=1e-3, alpha=0.99, eps=1e-8, momentum=momentum, **options)
    weight, before = nd.ones(SIZE), gradients(1)[0].astype("float32")
    gradient = nd.array(before)
    optimizer.update(0, weight, gradient, optimizer.create_state(0, weight))
    np.testing.assert_array_equal(gradient.asnumpy(), before)


def test_what_is_not_finite_makes_only_its_own_weight_nan(require_torch):
    torch = require_torch()
    series = np.array([[np.inf, -np.inf, np.nan, 1.0, 0.0], [1.0] * 5])
    for kind, options in (CASES["rmsprop"], CASES["adam"]):
        found = run_ours(ours(kind, options), np.ones(5), series, "float32")
        expected = run_torch(torch, kind, options, np.ones(5), series, "float32")
        np.testing.assert_allclose(found, expected, rtol=1e-6)
        np.testing.assert_array_equal(np.isnan(found), [True, True, True, False, False])


def test_rmsprop_keeps_no_more_than_mxnets_own():
    weight = nd.zeros(3)
    assert len(ours(*CASES["rmsprop"]).create_state(0, weight)) == 1
    assert len(mx.optimizer.RMSProp().create_state(0, weight)) == 1


def test_half_precision_weights_need_a_master_copy():
    optimizer = ours(*CASES["rmsprop"], multi_precision=True)
    weight = nd.ones(3, dtype="float16")
    state = optimizer.create_state_multi_precision(0, weight)
    optimizer.update_multi_precision(0, weight, nd.ones(3, dtype="float16"), state)
    # The first step is lr / 0.1: too small for float16 beside 1, not for the copy.
    np.testing.assert_allclose(1 - state[0].asnumpy(), 5e-4, rtol=1e-3)
    with pytest.raises(UserError, match="float16"), pytest.warns(UserWarning):
        ours(*CASES["rmsprop"]).create_state_multi_precision(0, weight)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (TorchRMSProp, {"alpha": 0.99, "eps": 1e-40}, "eps 1e-40"),
        (TorchRMSProp, {"alpha": 0.99, "eps": float("nan")}, "eps nan"),
        (TorchRMSProp, {"alpha": 1.1, "eps": 1e-8}, "alpha 1.1"),
        (TorchRMSProp, {"alpha": 0.99, "eps": 1e-8, "momentum": -1.0}, "momentum -1.0"),
        (TorchRMSProp, {"alpha": 0.99, "eps": 1e-8, "learning_rate": 1e-40}, "learning_rate 1e-40"),
        (TorchRMSProp, {"alpha": 0.99, "eps": 1e-8, "clip_gradient": 1.0}, "clip_gradient 1.0"),
        (TorchAdam, {"beta1": 1.0, "beta2": 0.9, "eps": 1e-8}, "beta1 1.0"),
        (TorchAdam, {"beta1": 0.5, "beta2": 1.0, "eps": 1e-8}, "beta2 1.0"),
    ],
)
def test_constants_that_cannot_be_are_refused(kind, options, words):
    with pytest.raises(UserError, match=words):
        kind(**options)


def test_sparse_gradients_are_refused():
    optimizer, weight = ours(*CASES["rmsprop"]), nd.zeros((2, 2))
    with pytest.raises(UserError, match="row_sparse"):
        optimizer.update(0, weight, weight.tostype("row_sparse"), optimizer.create_state(0, weight))


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.9, 0.99, 0.999])
def test_the_operators_state_is_torchs_times_stretch(decay):
    # MXNet's own operator decides: after one unit gradient its state is the (1 - decay) it uses.
    weight, n = nd.zeros(1), nd.zeros(1)
    nd.adam_update(weight, nd.ones(1), nd.zeros(1), n, out=weight, lr=1.0, beta1=0.0, beta2=decay)
    assert n.asscalar() / (1 - decay) == pytest.approx(stretch(decay), rel=1e-12)
