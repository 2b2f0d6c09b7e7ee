"""One critic step and one generator step, against the same arithmetic in PyTorch and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from mxnet import cpu, nd

from gluon_wgan.config.train_config import TrainConfig
from gluon_wgan.training.wgan import WGAN
from gluon_wgan.utils import seeding
from tests.models.test_models import learned, small, torch_twins

# float32 sums in another order; the update divides by the root of a tiny square, which magnifies them.
LOSS, WEIGHT = 2e-5, 2e-3
FIELDS = {"image_size": 32, "batch_size": 8, "lr_d": 1e-3, "lr_g": 1e-3, "clip": 0.03}


def real_batch(count: int = 8, size: int = 32, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), dtype=np.uint8)


def weights(net) -> list[np.ndarray]:
    # A transposed convolution alters its weights' description while it reads them.
    nd.waitall()
    return [p.data().asnumpy().copy() for p in learned(net)]


class Expected:
    """The same WGAN in PyTorch for the losses and gradients, and numpy in float64 for the update."""

    def __init__(self, torch, config: TrainConfig, wgan: WGAN) -> None:
        self.torch, self.config = torch, config
        self.generator, self.critic = torch_twins(torch, config)
        for theirs, ours in ((self.generator, wgan.generator), (self.critic, wgan.critic)):
            for yours, mine in zip(theirs.parameters(), weights(ours)):
                yours.data = torch.from_numpy(mine)
        self.noise = np.random.default_rng([config.seed, seeding.NOISE])

    def latents(self):
        shape = (self.config.batch_size, self.config.nz, 1, 1)
        return self.torch.from_numpy(self.noise.standard_normal(shape, dtype=np.float32))

    def critic_step(self, real: np.ndarray) -> tuple[float, float, list[np.ndarray]]:
        for parameter in self.critic.parameters():
            parameter.data.clamp_(-self.config.clip, self.config.clip)
        images = self.torch.from_numpy(real).float().div(255).sub(0.5).div(0.5)
        d_real = self.critic(images).mean()
        with self.torch.no_grad():
            fake = self.generator(self.latents())
        d_fake = self.critic(fake).mean()
        (d_real - d_fake).backward()
        return d_real.item(), d_fake.item(), self.updated(self.critic, self.config.lr_d, self.config.eps_d)

    def generator_step(self) -> tuple[float, list[np.ndarray]]:
        loss = self.critic(self.generator(self.latents())).mean()
        self.generator.zero_grad()
        loss.backward()
        return loss.item(), self.updated(self.generator, self.config.lr_g, self.config.eps_g)

    @staticmethod
    def updated(net, lr: float, eps: float) -> list[np.ndarray]:
        """First step of RMSProp with gamma1 0.99 and epsilon inside the root."""
        result = []
        for parameter in net.parameters():
            g = parameter.grad.double().numpy()
            result.append(parameter.detach().double().numpy() - lr * g / np.sqrt(0.01 * g * g + eps))
        return result


def assert_same_update(before, after, expected) -> None:
    for old, new, wanted in zip(before, after, expected):
        largest = np.abs(wanted - old).max()
        assert largest > 0
        # The weight itself is rounded to float32, too.
        assert np.abs(new - wanted).max() <= WEIGHT * largest + 2**-23 * np.abs(old).max()


@pytest.mark.parametrize("bn", [True, False])
def test_first_steps_equal_torch_and_the_formula(bn, require_torch):
    config = small(**FIELDS, no_bn=not bn, no_bn_d=not bn, eps_d=1e-7, eps_g=1e-9)
    wgan = WGAN(config, [cpu()])
    expected = Expected(require_torch(), config, wgan)
    real = real_batch()
    clipped = [np.clip(values, -config.clip, config.clip) for values in weights(wgan.critic)]

    d_real, d_fake, wanted = expected.critic_step(real)
    scores = wgan.critic_step(real).read()
    assert scores[:2] == pytest.approx((d_real, d_fake), rel=LOSS, abs=LOSS * abs(d_real))
    assert_same_update(clipped, weights(wgan.critic), wanted)

    for yours, mine in zip(expected.critic.parameters(), weights(wgan.critic)):
        yours.data = expected.torch.from_numpy(mine)
    before, critic = weights(wgan.generator), weights(wgan.critic)
    loss, wanted = expected.generator_step()
    assert wgan.generator_step().read() == pytest.approx(loss, rel=LOSS, abs=LOSS * abs(d_real))
    assert_same_update(before, weights(wgan.generator), wanted)
    assert all((old == new).all() for old, new in zip(critic, weights(wgan.critic)))


def test_the_critic_learns_to_lower_loss_d_and_the_generator_to_lower_loss_g():
    wgan = WGAN(small(**FIELDS), [cpu()])
    real = real_batch()
    losses = [wgan.critic_step(real).read().loss_d for _ in range(30)]
    assert losses[-1] < losses[0] < 1
    first = wgan.generator_step().read()
    assert min(wgan.generator_step().read() for _ in range(20)) < first


def test_clip_before_leaves_the_generator_an_unclipped_critic():
    wgan = WGAN(small(**FIELDS), [cpu()])
    assert max(np.abs(values).max() for values in weights(wgan.critic)) > 1  # gamma starts at 1
    wgan.critic_step(real_batch())
    largest = max(np.abs(values).max() for values in weights(wgan.critic))
    assert 0.03 < largest <= 0.03 + 10.1 * 1e-3


def test_clip_after_leaves_every_parameter_inside():
    wgan = WGAN(small(**{**FIELDS, "clip_when": "after"}), [cpu()])
    wgan.critic_step(real_batch())
    assert max(np.abs(values).max() for values in weights(wgan.critic)) == np.float32(0.03)


@pytest.mark.parametrize("clipped", [False, True])
def test_running_statistics_are_clipped_only_when_asked(clipped):
    wgan = WGAN(small(**FIELDS, clip_running_stats=clipped), [cpu()])
    wgan.clip_critic()
    variances = [p.data().asnumpy() for n, p in wgan.critic.collect_params().items() if n.endswith("var")]
    assert len(variances) == 2
    assert all((values == np.float32(0.03 if clipped else 1)).all() for values in variances)


def test_clipping_keeps_the_optimisers_state():
    wgan = WGAN(small(**FIELDS), [cpu()])
    wgan.critic_step(real_batch())
    state = wgan.critic_optimizer._updaters[0].states
    before = {index: slots[0].asnumpy() for index, slots in state.items()}
    assert before and all(values.any() for values in before.values())
    wgan.clip_critic()
    assert all((state[index][0].asnumpy() == values).all() for index, values in before.items())


def test_a_short_last_batch_meets_a_full_batch_of_fakes(monkeypatch):
    wgan = WGAN(small(**FIELDS), [cpu()])
    seen = []
    monkeypatch.setattr(wgan, "critic_pass", Spy(wgan.critic_pass, seen))
    scores = wgan.critic_step(real_batch(3)).read()
    assert seen == [3, 8]
    assert np.isfinite(scores).all()


class Spy:
    """Notes the batch sizes that a network is called with."""

    def __init__(self, net, seen: list[int]) -> None:
        self._net, self._seen = net, seen

    def __call__(self, x):
        self._seen.append(x.shape[0])
        return self._net(x)

    def __getattr__(self, name):
        return getattr(self._net, name)


def test_the_generator_step_leaves_the_critics_gradients_alone():
    wgan = WGAN(small(**FIELDS), [cpu()])
    wgan.critic_step(real_batch())
    before = [p.grad().asnumpy().copy() for p in learned(wgan.critic)]
    wgan.generator_step()
    assert all((p.grad().asnumpy() == old).all() for p, old in zip(learned(wgan.critic), before))


@pytest.mark.slow
@pytest.mark.parametrize("count", [8, 7, 1])
@pytest.mark.parametrize("optimizer", ["rmsprop", "adam"])
def test_several_devices_do_what_one_does(count, optimizer):
    config = small(**{**FIELDS, "no_bn": True, "no_bn_d": True, "optimizer": optimizer, "eps_d": 1e-4})
    one, three = WGAN(config, [cpu(0)]), WGAN(config, [cpu(0), cpu(1), cpu(2)])
    for seed in range(3):
        real = real_batch(count, seed=seed)
        assert three.critic_step(real).read() == pytest.approx(one.critic_step(real).read(), rel=1e-4, abs=1e-7)
        assert three.generator_step().read() == pytest.approx(one.generator_step().read(), rel=1e-3, abs=1e-7)
    for ours, theirs in zip(learned(three.critic), learned(one.critic)):
        copies = [ours.data(cpu(index)).asnumpy() for index in range(3)]
        assert (copies[0] == copies[1]).all() and (copies[0] == copies[2]).all()
        assert np.abs(copies[0] - theirs.data().asnumpy()).max() <= 0.02 * np.abs(copies[0]).max()


def test_batch_norm_is_taken_on_each_device_apart():
    config = small(**FIELDS)
    one, two = WGAN(config, [cpu(0)]), WGAN(config, [cpu(0), cpu(1)])
    dark, bright = real_batch() // 8, 255 - real_batch() // 8
    real = np.concatenate([dark[:4], bright[:4]])
    assert two.critic_step(real).read()[0] != pytest.approx(one.critic_step(real).read()[0], rel=0.01)


@pytest.mark.parametrize("statistics", ["batch", "running"])
def test_sampling_uses_the_named_statistics_and_changes_nothing(statistics):
    wgan = WGAN(small(**FIELDS, sample_bn=statistics), [cpu()])
    wgan.generator_step()
    state = {name: p.data().asnumpy().copy() for name, p in wgan.generator.collect_params().items()}
    latents = seeding.draw_latents(np.random.default_rng(0), 6, 100)
    six, one = wgan.sample(latents), wgan.sample(latents[:1])
    assert six.shape == (6, 3, 32, 32)
    alike = np.allclose(six[:1], one, atol=1e-5)
    assert alike == (statistics == "running")
    for name, p in wgan.generator.collect_params().items():
        assert (p.data().asnumpy() == state[name]).all()


def test_the_noise_is_standard_normal_and_its_own_stream():
    rng = seeding.make_rng(7, seeding.NOISE)
    latents = seeding.draw_latents(rng, 1000, 100)
    assert latents.dtype == np.float32 and latents.shape == (1000, 100, 1, 1)
    assert abs(latents.mean()) < 5 / np.sqrt(1e5) and abs(latents.std() - 1) < 5 / np.sqrt(2e5)
    other = seeding.draw_latents(seeding.make_rng(7, seeding.SAMPLING), 1000, 100)
    assert not np.array_equal(latents, other)
    state = seeding.state_of(rng)
    following = seeding.draw_latents(rng, 4, 5)
    seeding.restore_state(rng, state)
    assert np.array_equal(seeding.draw_latents(rng, 4, 5), following)


def test_pixels_go_to_minus_one_and_one_and_back():
    from gluon_wgan.data.pixels import to_bytes, to_network

    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    floats = to_network(levels, cpu()).asnumpy()
    assert floats.dtype == np.float32
    assert floats.min() == -1 and floats.max() == 1
    assert np.array_equal(to_bytes(floats), levels)
    assert to_bytes(np.array([-3.0, 3.0])).tolist() == [0, 255]
    # 127.5 (x + 1) is 0.9, 63.6 and 254.9.
    between = np.array([0.9, 63.6, 254.9]) / 127.5 - 1
    assert to_bytes(between).tolist() == [1, 64, 255]
    assert to_bytes(between, "down").tolist() == [0, 63, 254]
    assert to_bytes(np.array([-3.0, 3.0]), "down").tolist() == [0, 255]


def test_more_devices_than_images_is_refused():
    from gluon_wgan.errors import UserError

    with pytest.raises(UserError, match="--batch-size 2"):
        WGAN(small(batch_size=2), [cpu(0), cpu(1), cpu(2)])


def test_weights_of_another_network_are_refused(tmp_path):
    from gluon_wgan.errors import UserError

    foreign = tmp_path / "foreign.params"
    nd.save(str(foreign), {"a": nd.ones(3)})
    broken = tmp_path / "broken.params"
    broken.write_bytes(b"nonsense")
    for path, said in (
        (foreign, "holds no generator"),
        (broken, "Cannot read"),
        (tmp_path / "x.params", "There is no"),
    ):
        with pytest.raises(UserError, match=said):
            WGAN(small(net_g=str(path)), [cpu()])


def test_batch_norms_affine_parameters_are_clipped_unless_exempted():
    for clip_bn in (True, False):
        wgan = WGAN(small(**FIELDS, clip_bn=clip_bn), [cpu()])
        wgan.clip_critic()
        nd.waitall()
        largest = {name: p.data().abs().max().asscalar() for name, p in wgan.critic.collect_params().items()}
        bound = np.float32(FIELDS["clip"])
        assert all(value <= bound for name, value in largest.items() if name.endswith("weight"))
        assert all((value <= bound) == clip_bn for name, value in largest.items() if name.endswith("gamma"))


def test_joined_batches_share_their_statistics_and_nothing_else():
    apart, joined = (WGAN(small(**FIELDS, no_bn_d=bn, critic_batches=kind), [cpu()]) for bn, kind in BATCHES[:2])
    real = real_batch(5)
    # Without batch norm it makes no difference how the batches pass.
    assert joined.critic_step(real).read() == pytest.approx(apart.critic_step(real).read(), rel=1e-4, abs=1e-7)
    for ours, theirs in zip(learned(joined.critic), learned(apart.critic)):
        nd.waitall()
        assert np.abs(ours.grad().asnumpy() - theirs.grad().asnumpy()).max() <= 1e-4 * theirs.grad().abs().max()
    apart, joined = (WGAN(small(**FIELDS, no_bn_d=bn, critic_batches=kind), [cpu()]) for bn, kind in BATCHES[2:])
    assert joined.critic_step(real).read()[0] != pytest.approx(apart.critic_step(real).read()[0], rel=0.01)


BATCHES = [(True, "apart"), (True, "joined"), (False, "apart"), (False, "joined")]


def test_short_noise_makes_as_many_fakes_as_reals(monkeypatch):
    wgan = WGAN(small(**FIELDS, short_noise=True), [cpu()])
    seen: list[int] = []
    monkeypatch.setattr(wgan, "critic_pass", Spy(wgan.critic_pass, seen))
    wgan.critic_step(real_batch(3))
    assert seen == [3, 3]


def test_uniform_latents_fill_their_interval():
    latents = seeding.draw_latents(np.random.default_rng(0), 100, 100, "uniform")
    assert latents.dtype == np.float32 and latents.min() < -0.999 and latents.max() > 0.999
    assert np.abs(latents).max() <= 1 and abs(latents.std() - 1 / np.sqrt(3)) < 0.01


@pytest.mark.parametrize("preset", ["gluon", "lite", "wgan-gp", "dcgan"])
def test_grey_images_train_at_the_usual_widths(preset):
    from gluon_wgan.config.train_config import preset_config

    config = preset_config(preset, nc=1, image_size=32, ngf=32, ndf=32, batch_size=4)
    wgan = WGAN(config, [cpu()])
    real = np.random.default_rng(0).integers(0, 256, (4, 1, 32, 32), dtype=np.uint8)
    assert np.isfinite(wgan.critic_step(real).read()).all()
    before = weights(wgan.generator)
    wgan.generator_step()
    assert all((old != new).any() for old, new in zip(before, weights(wgan.generator)))
