"""A generator in another program's format, checked against the checkpoint, with a model card."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from mxnet import autograd, cpu, nd

from gluon_wgan.data.pixels import to_bytes
from gluon_wgan.errors import UserError
from gluon_wgan.generators.latents import draw_groups
from gluon_wgan.generators.load import LoadedGenerator, load_generator, open_generator
from gluon_wgan.generators.model_card import CARD, model_card
from gluon_wgan.interop import gluon_checkpoints, symbol_graph, torch_files
from gluon_wgan.interop.authors_names import GENERATOR
from gluon_wgan.interop.generator_config import FILE, generator_config
from gluon_wgan.interop.network_weights import state_of
from gluon_wgan.interop.safetensors_files import SUFFIX, write_safetensors
from gluon_wgan.models.generator_spec import generator_spec
from gluon_wgan.models.inference import sample
from gluon_wgan.runs import checkpoints
from gluon_wgan.runs.directory import RunDirectory
from gluon_wgan.runs.figures import GRID, save_grid
from gluon_wgan.runs.run_record import RunRecord
from gluon_wgan.utils import atomic_files, seeding
from gluon_wgan.utils.new_folder import new_folder, refuse_taken
from gluon_wgan.utils.params_file import read_params

SAMPLES, TRAINING_SAMPLES = "samples.png", "samples_of_training.png"
MAX_DIFFERENCE = 1e-5
"""Of images in [-1, 1], between an exported generator and the checkpoint: sums in another order."""

_USE = {
    "gluon": """import numpy

numpy.bool = bool  # MXNet 1.9.1 reads it while it is imported, and NumPy 1.24 removed it
import mxnet as mx

generator = mx.gluon.SymbolBlock.imports("generator-symbol.json", ["latents"], "generator-0000.params")
images = generator({latents})  # (16, {nc}, {size}, {size})""",
    "onnx": """import numpy as np
import onnxruntime

session = onnxruntime.InferenceSession("generator.onnx", providers=["CPUExecutionProvider"])
latents = {latents}
[images] = session.run(["images"], {{"latents": latents}})  # (16, {nc}, {size}, {size})""",
    "safetensors": """import mxnet as mx

import gluon_wgan

generator = gluon_wgan.load_generator("generator.safetensors")
images = generator({latents})  # (16, {nc}, {size}, {size})""",
    "torch": """# With models/ of github.com/martinarjovsky/WassersteinGAN on the path; generator_config.json holds
# what their classes are called with.
generator.load_state_dict(torch.load("{file}", weights_only=True))
generator.eval()  # else batch norm takes its statistics from the batch
images = generator(torch.randn(16, {nz}, 1, 1))""",
}
_DRAW = {
    ("mxnet", "normal"): "mx.nd.random.normal(shape=(16, {nz}, 1, 1))",
    ("mxnet", "uniform"): "mx.nd.random.uniform(-1, 1, shape=(16, {nz}, 1, 1))",
    ("onnx", "normal"): "np.random.default_rng().standard_normal((16, {nz}, 1, 1), dtype=np.float32)",
    ("onnx", "uniform"): "np.random.default_rng().uniform(-1, 1, (16, {nz}, 1, 1)).astype(np.float32)",
}


@dataclass(frozen=True)
class Export:
    """What an export did.

    Attributes
    ----------
    statistics
        In a sentence, which statistics batch norm uses in them.
    agreement
        In a sentence, how well they agree with the checkpoint.
    """

    written: list[Path]
    statistics: str
    agreement: str


def export(source: Path, kind: str, out: Path) -> Export:
    """Export a generator.

    Parameters
    ----------
    source
        A run directory, a checkpoint, or a folder that a conversion made.
    kind
        ``"gluon"``, ``"onnx"``, ``"torch"`` or ``"safetensors"``.
    out
        The folder to make.

    Raises
    ------
    UserError
        When the source is damaged or foreign, the format cannot hold it or needs a library that is not
        installed, or ``out`` exists or cannot be written.
    """
    refuse_taken(out)
    trained = open_generator(source)
    config = trained.config
    latents = next(draw_groups(0, config.nz, config.latent))
    with autograd.predict_mode():
        wanted = trained.generator(nd.array(latents)).asnumpy()
    with new_folder(out) as folder:
        files, difference = _write(kind, folder, trained, source, latents, wanted)
        if difference is not None and not difference <= MAX_DIFFERENCE * max(1.0, float(np.abs(wanted).max())):
            raise UserError(f"The exported generator's images differ by {difference:g} from {source}'s: report this.")
        statistics, agreement = _statistics(kind, trained), _agreement(kind, difference)
        save_grid(folder / SAMPLES, to_bytes(wanted))
        copied = _training_samples(trained, folder)
        hashes = {path.name: f"`{atomic_files.sha256_of(path)}`" for path in files}
        use = _use(kind, trained, files[0].name)
        card = model_card(trained, use, statistics, hashes, agreement, copied)
        (folder / CARD).write_text(card, encoding="utf-8", errors="backslashreplace")
    return Export(sorted(out.iterdir()), statistics, agreement)


def _write(
    kind: str, folder: Path, trained: LoadedGenerator, source: Path, latents: np.ndarray, wanted: np.ndarray
) -> tuple[list[Path], Optional[float]]:
    """Write the files and return the largest difference of their images, or None where nothing can run them."""
    if kind == "gluon":
        return symbol_graph.write_symbol(folder, trained.generator), symbol_graph.check_symbol(folder, latents, wanted)
    if kind == "onnx":
        path = symbol_graph.write_onnx(folder, trained.generator, trained.config.nz)
        return [path], symbol_graph.check_onnx(path, latents, wanted)
    if kind == "safetensors":
        path = folder / f"generator{SUFFIX}"
        write_safetensors(path, read_params(trained.weights), generator_spec(trained.config))
        again = load_generator(path)
        with autograd.predict_mode():
            return [path], float(np.abs(again(nd.array(latents)).asnumpy() - wanted).max())
    _, [network], origin = gluon_checkpoints.read_folder(trained.folder or source, (GENERATOR,))
    weights, description = folder / f"netG_epoch_{origin.epoch}.pth", folder / FILE
    torch_files.write_state_dict(weights, state_of(network))
    atomic_files.write_json(description, generator_config(network.config, origin.ngpu))
    return [weights, description], None


def _statistics(kind: str, trained: LoadedGenerator) -> str:
    if not trained.has_batch_norm:
        return "It has no batch norm."
    if kind == "torch":
        return "In inference mode (`eval()`) batch norm uses the running statistics that training gathered."
    own = "these" if trained.config.sample_bn == "running" else "each batch's own"
    return (
        "Batch norm is in inference mode: it uses the running statistics that training gathered. The images of "
        f"the run itself use {own}."
    )


def _agreement(kind: str, difference: Optional[float]) -> str:
    if difference is not None:
        return f"Over 64 images no value differs from the checkpoint's by more than {difference:.2g}."
    if kind == "onnx":
        return "onnxruntime is not installed, so nothing has run the exported file yet."
    return "The tensors are the checkpoint's, bit for bit."


def _use(kind: str, trained: LoadedGenerator, file: str) -> str:
    config = trained.config
    draw = _DRAW["onnx" if kind == "onnx" else "mxnet", config.latent].format(nz=config.nz)
    return _USE[kind].format(latents=draw, nc=config.nc, nz=config.nz, size=config.image_size, file=file)


def _training_samples(trained: LoadedGenerator, folder: Path) -> Optional[str]:
    """Write the samples of the run at this checkpoint's iteration, and return the file's name, None without a run."""
    if trained.run is None or trained.folder is None:
        return None
    iteration, target = checkpoints.saved_iteration(trained.folder), folder / TRAINING_SAMPLES
    drawn = dict(RunRecord(RunDirectory(trained.run)).samples()).get(iteration)
    if drawn is not None:
        shutil.copyfile(drawn, target)
    else:
        config = trained.config
        rng = seeding.make_rng(config.seed, seeding.SAMPLING)
        latents = seeding.draw_latents(rng, GRID, config.nz, config.latent)
        save_grid(target, to_bytes(sample(trained.generator, latents, cpu(), config.sample_bn)))
    return TRAINING_SAMPLES
