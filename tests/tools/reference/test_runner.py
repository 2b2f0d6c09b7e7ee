"""tools/train_reference.py: the reference trained by the package's loop, without MXNet, and its checkpoints."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mxnet import cpu, nd

import gluon_wgan
from gluon_wgan.config.train_config import TrainConfig, preset_config
from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.data.prepared_data import prepare_data
from gluon_wgan.errors import UserError
from gluon_wgan.interop.torch_weights import convert
from gluon_wgan.models.inference import sample
from gluon_wgan.reports.run_page import RunPage
from gluon_wgan.runs.metrics_csv import COLUMNS, WALL_CLOCK_COLUMNS
from gluon_wgan.training import loop, trainer
from gluon_wgan.training.run_training import open_run, train_in
from gluon_wgan.training.signals import Interrupted
from gluon_wgan.training.wgan import WGAN
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.slow

# The tolerance of docs/fidelity.md for double precision, every tensor after every step.
DOUBLE = 1e-10
# And of its single precision, first critic step.
SCORES = 1e-5
IMAGES = 1e-5
SMALL: dict[str, Any] = {
    "image_size": 16,
    "ngf": 8,
    "ndf": 8,
    "nz": 5,
    "batch_size": 8,
    "n_critic": 2,
    "warmup_critic": 3,
    "boost_every": 5,
    "gen_iters": 7,
    "sample_every": 100,
    "checkpoint_every": 2,
    "curve_filter": 1,
    "running_var": "unbiased",
}
TOOL = REPOSITORY / "tools" / "train_reference.py"


@pytest.fixture(scope="module", autouse=True)
def torch(require_torch):
    return require_torch()


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """Return a store of 29 images of 16 pixels: three batches of 8, and a short one of 5."""
    config = TrainConfig(image_size=16, limit=29, batch_size=8, cache_dir=str(tmp_path_factory.mktemp("cache")), jobs=1)
    return prepare_data(config, progress=False).path


@pytest.fixture
def small(store, tmp_path):
    def configure(name: str = "run", preset: str = "reference", **fields: Any) -> TrainConfig:
        given = {**SMALL, "resize": "pil-bilinear", "data": str(store), "out": str(tmp_path / name)}
        warmup = {} if preset in ("wgan-gp", "dcgan") else {"warmup_iters": 2}
        return preset_config(preset, **{**given, **warmup, **fields})

    return configure


def engine_of(config: TrainConfig):
    import torch

    from tools.reference.runner.device import Arithmetic
    from tools.reference.runner.engine import ReferenceEngine

    return ReferenceEngine(config, torch.device("cpu"), Arithmetic("float32", False, False), {})


def train(config: TrainConfig, resume: Path | None = None) -> Path:
    run = open_run(config, resume, "tools/train_reference.py")
    return train_in(run, config, lambda: engine_of(config), progress=False, page=RunPage)


def rows(path: Path) -> list[dict[str, str]]:
    with open(path / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))


def content(path: Path) -> str:
    """Return a hash of every number in a .pth file; the pickle's own bytes depend on which objects were shared."""
    import torch

    digest = hashlib.sha256()

    def add(name: str, value: Any) -> None:
        if isinstance(value, (dict, list)):
            items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
            digest.update(f"{name} holds {len(items)}\n".encode())
            for key, inner in items:
                add(f"{name}/{key}", inner)
        elif isinstance(value, torch.Tensor):
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode() + value.numpy().tobytes())
        else:
            digest.update(f"{name} {value!r}\n".encode())

    add("", torch.load(path, weights_only=True))
    return digest.hexdigest()


def result(path: Path) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return what must not depend on interruptions: hashes of the final state, and the metrics."""
    final = path / "checkpoints" / "iter_000007"
    hashes = {file.name: content(file) for file in final.glob("*.pth")}
    assert len(hashes) == 3
    hashes["image"] = hashlib.sha256((path / "samples" / "fake_000007.png").read_bytes()).hexdigest()
    return hashes, [{k: v for k, v in row.items() if k not in WALL_CLOCK_COLUMNS} for row in rows(path)]


def command(*words: str) -> list[str]:
    return [sys.executable, str(TOOL), *words]


def flags(config: TrainConfig) -> list[str]:
    names = [name for name in SMALL if name != "image_size"]
    given = [word for name in names for word in (f"--{name.replace('_', '-')}", str(getattr(config, name)))]
    where = ["--data", config.data or "", "--out", config.out or ""]
    return ["--preset", config.preset, *given, "--warmup-iters", "2", *where]


def relative(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-300))


@pytest.mark.parametrize("scheme", ["reference", "port2018", "pytorch", "mxnet"])
@pytest.mark.parametrize(
    "fields", [{"n_extra_layers": 1, "nc": 1}, {"mlp_g": True, "mlp_d": True, "no_bn": True}], ids=["dcgan", "mlp"]
)
def test_initial_weights_are_the_packages_bit_for_bit(fields, scheme):
    config = TrainConfig(**{**SMALL, **fields}, init=scheme, seed=11)
    ours, theirs = WGAN(config, [cpu()]), engine_of(config).wgan
    for net in ("generator", "critic"):
        wanted = [p.data().asnumpy() for p in getattr(ours, net).collect_params().values()]
        found = [t.numpy() for name, t in getattr(theirs, net).state_dict().items() if "num_batches" not in name]
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted):
            assert np.array_equal(a, b.reshape(a.shape))


@pytest.fixture
def batches(monkeypatch):
    """Return what each side was given to see: class -> hashes of its batches in order."""
    from tools.reference.runner.engine import ReferenceEngine

    seen: dict[type, list[tuple[Any, ...]]] = {}

    def spy(engine):
        step = engine.critic_step

        def critic_step(self, real, count):
            seen.setdefault(engine, []).append((real.shape, hashlib.sha256(real.tobytes()).hexdigest()))
            return step(self, real, count)

        monkeypatch.setattr(engine, "critic_step", critic_step)

    spy(trainer.GluonEngine)
    spy(ReferenceEngine)
    return seen


@pytest.mark.parametrize(
    ("preset", "fields"),
    [
        ("reference", {}),
        ("paper", {"init": "pytorch", "seed": 5}),
        ("gluon", {"eps_d": 1e-8, "eps_g": 1e-8}),
        ("wgan-gp", {}),
        ("dcgan", {"latent": "uniform", "short_noise": True}),
    ],
)
def test_a_run_is_that_of_the_package(preset, fields, small, batches, tmp_path):
    import torch

    both = [small(name, preset, dtype="float64", **fields) for name in ("ours", "theirs")]
    ours, theirs = trainer.train(both[0], progress=False), train(both[1])
    first, second = batches.values()
    assert first == second and len({shape for shape, _ in first}) == 2
    assert list(rows(theirs)[0]) == list(COLUMNS)
    for a, b in zip(rows(theirs), rows(ours), strict=True):
        for name in ("gen_iter", "epoch", "critic_steps"):
            assert a[name] == b[name]
        for name in ("loss_d", "loss_d_last", "loss_g", "d_real", "d_fake", "w_estimate", "penalty"):
            np.testing.assert_allclose(float(a[name]), float(b[name]), rtol=DOUBLE, atol=1e-14, err_msg=name)
    convert(ours, tmp_path / "converted")
    for letter in "GD":
        wanted = torch.load(tmp_path / f"converted/net{letter}_epoch_0.pth")
        found = torch.load(theirs / f"checkpoints/iter_000007/net{letter}_epoch_7.pth")
        assert list(found) == list(wanted)
        for name, tensor in wanted.items():
            assert relative(found[name].numpy(), tensor.numpy()) < DOUBLE, name


def test_single_precision_agrees_as_far_as_rounding_lets_it(small):
    fields = {"gen_iters": 1, "warmup_iters": 0, "boost_every": 0, "n_critic": 1}
    ours, theirs = trainer.train(small("ours", **fields), progress=False), train(small("theirs", **fields))
    [a], [b] = rows(theirs), rows(ours)
    for name in ("d_real", "d_fake", "loss_g"):
        assert float(a[name]) == pytest.approx(float(b[name]), rel=SCORES, abs=1e-8)


OPTIMIZERS: list[dict[str, Any]] = [
    {},
    {"eps_rule": "mxnet"},
    {"optimizer": "adam"},
    {"optimizer": "adam", "eps_rule": "mxnet"},
    {"preset": "wgan-gp"},
]


@pytest.mark.parametrize(("step", "fields"), list(enumerate(OPTIMIZERS, 1)), ids=str)
def test_an_interruption_amid_the_critic_steps_changes_nothing(step, fields, small, monkeypatch):
    straight = result(train(small("straight", **fields)))
    note, steps = loop.Session.record_critic_step, 0

    def note_and_interrupt(self, scores):
        nonlocal steps
        note(self, scores)
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(loop.Session, "record_critic_step", note_and_interrupt)
    with pytest.raises(Interrupted, match=r"python tools/train_reference\.py --resume"):
        train(small(**fields))
    path = Path(small().out or "")
    assert len(rows(path)) < 7
    assert result(train(small(**fields), resume=path)) == straight


def test_kills_at_random_moments_change_nothing(small, tmp_path):
    straight, config = result(train(small("straight"))), small("killed")
    path, rng = Path(config.out or ""), np.random.default_rng(20170126)
    for _ in range(2):
        words = ["--resume", str(path)] if (path / "config.json").exists() else flags(config)
        process = subprocess.Popen(command(*words), stderr=subprocess.DEVNULL)
        seen = (path / "metrics.csv").exists()
        # Not before it has begun, or the kill would meet nothing but imports.
        deadline = time.monotonic() + 60
        while not seen and time.monotonic() < deadline and process.poll() is None:
            seen = (path / "metrics.csv").exists()
        time.sleep(rng.uniform(0, 0.3) if not seen else rng.uniform(0, 2))
        process.kill()
        process.wait()
    words = ["--resume", str(path)] if (path / "config.json").exists() else flags(config)
    subprocess.run(command(*words), check=True, capture_output=True, timeout=120)
    assert result(path) == straight


def test_it_trains_where_there_is_no_mxnet(small, tmp_path):
    config = small()
    words = [*flags(config), "--device", "cpu"]
    code = (
        "import sys; sys.modules['mxnet'] = None; sys.modules['cv2'] = None\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from tools.reference.runner.cli import main\n"
        f"status = main({words!r})\n"
        "assert sys.modules['mxnet'] is None and not [name for name in sys.modules if name.startswith('mxnet.')]\n"
        "sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert result(Path(config.out or "")) == result(train(small("here")))


@pytest.mark.parametrize(
    ("statistics", "fields"),
    [
        ("batch", {"n_extra_layers": 1}),
        ("running", {"dtype": "float64"}),
        ("batch", {"mlp_g": True, "mlp_d": True}),
    ],
    ids=str,
)
def test_a_converted_run_draws_the_same_images(statistics, fields, small, tmp_path):
    config = small(gen_iters=3, sample_bn=statistics, **fields)
    path = train(config)
    done = convert(path, tmp_path / "converted")
    newest = path / "checkpoints" / "iter_000003"
    assert done.read == [newest / "netG_epoch_3.pth", newest / "netD_epoch_3.pth"]
    engine = engine_of(config)
    engine.restore(newest)
    latents = np.random.default_rng(0).standard_normal((6, 5, 1, 1)).astype(np.float32)
    generator = gluon_wgan.load_generator(tmp_path / "converted")
    assert np.abs(sample(generator, latents, cpu(), statistics) - engine.sample(latents)).max() < IMAGES
    # A checkpoint named by itself converts as well.
    convert(newest, tmp_path / "alone")
    again = gluon_wgan.load_generator(tmp_path / "alone")(nd.array(latents))
    assert np.array_equal(again.asnumpy(), generator(nd.array(latents)).asnumpy())


def test_the_tools_take_a_converted_run(small, store, tmp_path, capsys):
    from PIL import Image

    from gluon_wgan.cli import evaluate, generate
    from gluon_wgan.generators.latents import draw_groups

    config = small(gen_iters=3)
    path, converted = train(config), tmp_path / "converted"
    convert(path, converted)
    assert generate.main([str(converted), "--out", str(tmp_path / "images"), "--num", "3", "--seed", "4"]) == 0
    images = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "images").rglob("*.png"))]
    engine = engine_of(config)
    engine.restore(path / "checkpoints" / "iter_000003")
    latents = next(iter(draw_groups(4, config.nz, config.latent)))
    wanted = to_bytes(engine.sample(latents))[:3].transpose(0, 2, 3, 1).astype(int)
    assert np.abs(np.stack(images) - wanted).max() <= 1
    words = [str(converted), "--real", str(store), "--metrics", "swd", "--num", "16", "--json"]
    assert evaluate.main(words) == 0
    assert '"swd"' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--gpus", "0"], "--gpus does not apply to the PyTorch reference: give --device cuda."),
        (["--require-gpu"], "--device cuda stops"),
        (["--net-g", "x.params"], "--net-g does not apply"),
        (["--net-d", "x.params"], "--net-d does not apply"),
        (["--dry-run"], "--dry-run does not apply"),
        (["--running-var", "population"], "--running-var population"),
        (["--arch", "lite"], "--arch lite"),
        (["--preset", "lite"], "--arch lite"),
        (["--no-bn-d", "--layer-norm-d"], "--layer-norm-d"),
        (["--block-order", "conv-act-norm"], "--block-order conv-act-norm"),
        (["--ngf", "7"], "the odd --ngf 7"),
        (["--device", "cuda"], "--device cuda is given"),
        (["--device", "tpu"], "--device"),
        (["--precision", "tf32"], "--precision tf32"),
        (["--tf32"], "--precision tf32"),
        (["--precision", "bf16", "--dtype", "float64"], "cannot be combined with --dtype float64"),
        (["--compile", "--preset", "wgan-gp"], "--compile cannot be combined with --objective wgan-gp"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_the_reference_does_not_have_is_refused_in_one_sentence(words, sentence, store, tmp_path, capsys, torch):
    from tools.reference.runner.cli import main

    if words == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    out = tmp_path / "run"
    try:
        status = main(["--data", str(store), "--batch-size", "8", "--out", str(out), *words])
    except SystemExit as stop:
        status = stop.code
    errors = capsys.readouterr().err
    assert status == 2 and not out.exists()
    assert errors.startswith("train_reference.py: ") and sentence in errors and errors.count("\n") == 1


def test_the_arithmetic_is_kept_on_resume_and_not_changed_by_accident(store, tmp_path, capsys):
    from tools.reference.runner.cli import main

    run = tmp_path / "run"
    sizes = ["--image-size", "16", "--ngf", "8", "--ndf", "8", "--nz", "5", "--batch-size", "8"]
    schedule = ["--warmup-iters", "0", "--boost-every", "0", "--device", "cpu", "--resize", "pil-bilinear"]
    new = ["--data", str(store), *sizes, *schedule, "--gen-iters", "1", "--out", str(run)]
    assert main([*new, "--precision", "bf16", "--channels-last"]) == 0
    assert main(["--resume", str(run), "--device", "cpu", "--gen-iters", "2"]) == 0
    first = json.loads((run / "environment.json").read_text())
    (second,) = [json.loads(path.read_text()) for path in run.glob("environment_*.json")]
    for environment in (first, second):
        found = {name: environment[name] for name in ("precision", "memory_format", "compiled")}
        assert found == {"precision": "bf16", "memory_format": "channels_last", "compiled": False}
    capsys.readouterr()
    other = ["--precision", "float32", "--no-channels-last"]
    assert main(["--resume", str(run), "--device", "cpu", "--gen-iters", "3", *other]) == 2
    message = capsys.readouterr().err
    assert "precision bf16 -> float32; memory format channels_last -> contiguous" in message


def test_bfloat16_and_channels_last_change_the_arithmetic_alone(small, torch):
    from tools.reference.runner.device import Arithmetic
    from tools.reference.runner.engine import ReferenceEngine

    config = small()
    real = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16), dtype=np.uint8)
    found = {}
    for arithmetic in (("float32", False), ("float32", True), ("bf16", True)):
        engine = ReferenceEngine(config, torch.device("cpu"), Arithmetic(*arithmetic, False), {})
        scores = engine.critic_step(real, 8).read()
        assert np.isfinite(engine.generator_step().read())
        assert {value.dtype for value in engine.wgan.state_dict().values()} <= {torch.float32, torch.int64}
        assert engine.sample(np.zeros((2, 5, 1, 1), np.float32)).dtype == np.float32
        found[arithmetic] = np.array([scores.d_real, scores.d_fake])
    plain = found["float32", False]
    # Only the order of sums may differ; bfloat16 keeps 8 bits, and errors of some layers add up.
    np.testing.assert_allclose(found["float32", True], plain, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found["bf16", True], plain, rtol=0.1, atol=2e-3)
    assert (found["bf16", True] != plain).all()


def test_each_script_continues_its_own_runs_alone(small, tmp_path):
    theirs, ours = train(small("theirs", gen_iters=2)), trainer.train(small("ours", gen_iters=2), progress=False)
    with pytest.raises(UserError, match=r"was trained by tools/train_reference\.py"):
        trainer.train(small("theirs"), resume=theirs, progress=False)
    with pytest.raises(UserError, match=r"was trained by train_wgan\.py"):
        train(small("ours"), resume=ours)
    # Nor does a checkpoint of the one pass for one of the other.
    for run, go_on in ((theirs, lambda path: trainer.train(small(), resume=path, progress=False)), (ours, None)):
        (run / "environment.json").unlink()
        with pytest.raises(UserError, match="is of another format"):
            (go_on or (lambda path: train(small(), resume=path)))(run)
    with pytest.raises(UserError, match=r"holds PyTorch's weights.*convert_weights\.py"):
        gluon_wgan.load_generator(theirs)


@pytest.mark.parametrize("name", ["netG_epoch_2.pth", "generator_config.json"])
def test_a_damaged_checkpoint_is_not_converted(name, small, tmp_path):
    newest = train(small(gen_iters=2)) / "checkpoints" / "iter_000002"
    content = bytearray((newest / name).read_bytes())
    # In the one file a weight; in the other ngpu 1 becomes 2, which only the manifest can tell.
    place = len(content) // 2 if name.endswith(".pth") else content.index(b'"ngpu": 1') + 8
    content[place] ^= 1 if name.endswith(".pth") else 3
    (newest / name).write_bytes(content)
    for source in (newest, newest.parent.parent):
        with pytest.raises(UserError, match="damaged"):
            convert(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_gpu_computes_in_full_precision_and_reproducibly_unless_told_otherwise(torch, run_python):
    code = (
        "import os, torch\n"
        "from tools.reference.runner.device import set_arithmetic\n"
        "torch.cuda.get_device_name = lambda device: 'a GPU'\n"
        "for words in ({}, {'tf32': True}, {'fast': True}):\n"
        "    about = set_arithmetic(torch.device('cuda'), **{'fast': False, 'tf32': False, **words})\n"
        "    cudnn, cublas = torch.backends.cudnn, torch.backends.cuda.matmul\n"
        "    print(cudnn.conv.fp32_precision, cublas.fp32_precision, cudnn.benchmark,\n"
        "          torch.are_deterministic_algorithms_enabled(), about['deterministic'])\n"
        "print(os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    )
    done = run_python(code)
    assert done.stdout.splitlines() == [
        "ieee ieee False True True",
        "tf32 tf32 False True True",
        "ieee ieee True False False",
        ":4096:8",
    ], done.stderr
