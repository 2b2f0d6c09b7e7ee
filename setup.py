"""Packaging of gluon-wgan: what it needs, and why each bound is there."""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUITABLE_PYTHON = (3, 9) <= sys.version_info[:2] < (3, 13)

# pip answers for python_requires in a sentence of its own; who calls this file directly has only this one,
# and needs it before the import below, since Python 3.12 and later come without setuptools.
if not SUITABLE_PYTHON and Path(sys.argv[0]).resolve() == HERE / "setup.py":
    print(
        f"gluon-wgan needs Python 3.9 to 3.12, not {sys.version_info[0]}.{sys.version_info[1]}, because "
        "MXNet 1.9.1 needs NumPy 1.x: run this with one of those, for example python3.11.",
        file=sys.stderr,
    )
    sys.exit(2)

from setuptools import find_packages, setup  # noqa: E402

# Read, not imported: importing the package needs MXNet, which is not installed yet.
VERSION = re.search(r'^__version__ = "(.+)"$', (HERE / "gluon_wgan/__init__.py").read_text(), re.MULTILINE)[1]

REQUIREMENTS = [
    "gluoncv",
    # 5 drops CascadeClassifier, with which the face metric finds faces.
    "opencv-python<5",
    "pillow",
    # Decodes ordinary JPEG files to the same pixels as Pillow, in less time.
    "simplejpeg",
    # 2 removes names that MXNet 1.9.1 uses; 1.23 is the oldest that has wheels for all of Python 3.9 to 3.11.
    "numpy>=1.23,<2",
    "matplotlib",
    "scipy",
    # SSIM and PSNR of the resize comparison, and the template of its page.
    "scikit-image",
    "jinja2",
    # One BLAS thread in the resize comparison, so that the result does not depend on the number of processes.
    "threadpoolctl",
    "tqdm",
    # The plans of the reproduction report; tomllib comes with Python 3.11 only.
    "tomli",
    "tensorboardX",
    # MXNet and gluoncv import distutils, which left the standard library with Python 3.12. setuptools still
    # carries a copy, on which its later releases promise nothing.
    'setuptools<81; python_version >= "3.12"',
]
EXTRAS = {}

# MXNet's last release, and the only one these patches are tested with. The two wheels are one Python
# module: installed together they overwrite each other, so each is an extra and neither a requirement.
EXTRAS["cpu"] = ["mxnet==1.9.1"]
EXTRAS["cu112"] = [
    "mxnet-cu112==1.9.1",
    # The wheel brings no CUDA of its own and asks for these library names: CUDA 11, and cuDNN 8, not 9.
    "nvidia-cublas-cu11==11.11.3.6",
    "nvidia-cuda-nvrtc-cu11==11.8.89",
    "nvidia-cuda-runtime-cu11==11.8.89",
    "nvidia-cudnn-cu11==8.9.6.50",
    "nvidia-cufft-cu11==10.9.0.58",
    "nvidia-curand-cu11==10.3.0.86",
    "nvidia-cusolver-cu11==11.4.1.48",
    "nvidia-nccl-cu11==2.21.5",
    "nvidia-nvtx-cu11==11.8.86",
]
# LMDB 1.0 cannot read LSUN's files, which are of LMDB 0.9; this package carries 0.9 up to its release 3.
EXTRAS["lsun"] = ["lmdb<4"]
# Parquet files of images, as the Hugging Face datasets library writes them.
EXTRAS["parquet"] = ["pyarrow"]
# Tar archives compressed with zstd; the standard library reads these from Python 3.14 on.
EXTRAS["zstd"] = ["zstandard"]
# Converting weights, and the tests' independent reference: golden values were made with this release.
EXTRAS["torch"] = ['torch==2.13.0; python_version >= "3.10"']
# MXNet's exporter calls onnx.mapping, which later releases do not have; the runtime is the last that reads what
# this onnx writes and has wheels for Python 3.9 to 3.12.
EXTRAS["onnx"] = ["onnx==1.16.2", "onnxruntime==1.18.1"]
# Exchange of weights with model hubs.
EXTRAS["safetensors"] = ["safetensors"]
EXTRAS["docs"] = [
    # Builds the site: it alone reads docstrings in numpydoc with roles, and fails on any link or anchor that is broken.
    "sphinx",
    # Lets Sphinx read the Markdown that repository hosts show too.
    "myst-parser",
    # Runs the notebook during the build and shows what it printed; nbsphinx would need pandoc, which pip has not.
    "myst-nb",
    # Light and dark, wide and narrow, and nothing fetched from a network.
    "furo",
]
EXTRAS["test"] = [
    *EXTRAS["docs"],
    *EXTRAS["lsun"],
    *EXTRAS["parquet"],
    *EXTRAS["zstd"],
    *EXTRAS["torch"],
    *EXTRAS["onnx"],
    *EXTRAS["safetensors"],
    # What the metrics are compared with.
    "prdc",
    'pytorch-fid; python_version >= "3.10"',
    'torch-fidelity; python_version >= "3.10"',
    # What decoded pixels are compared with; imagecodecs compresses what tifffile writes.
    "pypng",
    "tifffile",
    "imagecodecs",
    "pytest",
    "pytest-timeout",
    "hypothesis",
    "ruff",
    "mypy",
    # Checks the order of imports between the folders of the package; the last that Python 3.9 has.
    "import-linter",
    # Runs the tests on every core.
    "pytest-xdist",
    "pytest-cov",
    # Builds the wheel that the tests install; 70.1 is the first that needs no other package for it.
    "setuptools>=70.1,<81",
    "psutil",
]

if not SUITABLE_PYTHON:
    # pip would first try to build NumPy and SciPy from source, and fail at that with a hundred lines.
    REQUIREMENTS, EXTRAS = [], {name: [] for name in EXTRAS}

setup(
    name="gluon-wgan",
    version=VERSION,
    description="A reproduction toolkit for the Wasserstein GAN in Apache MXNet Gluon",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: Apache Software License",
        "Operating System :: POSIX :: Linux",
        *(f"Programming Language :: Python :: 3.{minor}" for minor in range(9, 13)),
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["gluon_wgan", "gluon_wgan.*"]),
    package_data={
        "gluon_wgan": ["py.typed"],
        "gluon_wgan.data": ["portraits/*"],
        # Two small generators, with their model cards and samples.
        "gluon_wgan.models": ["pretrained/*/*"],
        "gluon_wgan.reports": ["*.html", "*.md", "*.css", "*.js", "vendor/*"],
    },
    entry_points={"console_scripts": ["gluon-wgan = gluon_wgan.cli.main:main"]},
    # MXNet 1.9.1 stops at NumPy 1.26, which has no wheel for Python 3.13.
    python_requires=">=3.9,<3.13",
    install_requires=REQUIREMENTS,
    extras_require=EXTRAS,
)
