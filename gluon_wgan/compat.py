"""What MXNet 1.9.1 needs from its surroundings; the only place that patches anything.

``import gluon_wgan`` calls :func:`prepare`, so every module of the package may simply write
``import mxnet as mx``. This module therefore imports neither MXNet nor NumPy at its top: the
thread count has to be set before either is loaded.
"""

from __future__ import annotations

import importlib
import math
import os
import sys
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from types import ModuleType

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

from gluon_wgan import cuda
from gluon_wgan.commands import localize
from gluon_wgan.errors import UserError

# Python types that NumPy 1.24 no longer re-exports: MXNet reads np.bool while it is imported and wherever
# it makes a mask, mxnet.test_utils reads np.int, gluoncv's anchor boxes read np.float.
_NUMPY_ALIASES = {"bool": bool, "int": int, "float": float}
# Measured with two threads and images of 16 pixels: MXNet, and the libraries that every command loads.
_ADDRESS_SPACE, _LEAST_ADDRESS_SPACE = 2 * 2**30, 2**29
# Rounds of a loop, some microseconds: how long a thread of libgomp looks for work before it sleeps.
_SPIN_COUNT = "1000"
# Whether OMP_NUM_THREADS is this module's.
_chosen_here = False


class IncompatibleEnvironment(ImportError):
    """Python, or what is installed in it, cannot run MXNet 1.9.1.

    The message is one sentence that says what fixes it, mostly a command. Scripts print it on
    stderr and exit with status 2.
    """

    def __init__(self, message: str) -> None:
        super().__init__(localize(message))


def prepare() -> None:
    """Make this process fit for MXNet 1.9.1, or say in one sentence why it cannot be.

    Where MXNet is not installed this is silent: the reference trains without it
    (``tools/train_reference.py``), and what needs it calls :func:`check_mxnet_loads`.

    Raises IncompatibleEnvironment if Python, NumPy or the installed MXNet cannot work together.
    """
    global _chosen_here
    _check_python()
    _check_address_space(_LEAST_ADDRESS_SPACE, "the libraries that every command loads need")
    _provide_home()
    # By default a thread that waits for others keeps its core busy for 300,000 rounds of a loop. Beside other programs
    # that core is the one the others need, and a step of a small network takes ten times as long (docs/faq.md).
    if not os.environ.get("GOMP_SPINCOUNT"):
        os.environ["GOMP_SPINCOUNT"] = _SPIN_COUNT
    if not threads_were_given():
        # MXNet takes half of the cores it sees for hyper-threads and leaves them idle, unless told.
        os.environ["OMP_NUM_THREADS"] = str(usable_cores())
        _chosen_here = True
    if find_spec("numpy") is None:
        raise IncompatibleEnvironment("NumPy is not installed: run `pip install 'numpy>=1.23,<2'`.")
    if find_spec("mxnet") is None:
        return
    numpy = importlib.import_module("numpy")
    _check_numpy_version(numpy.__version__)
    _check_mxnet()
    # Straight into the namespace: NumPy 1.20 to 1.23 warn at whoever looks one of these names up.
    for name, python_type in _NUMPY_ALIASES.items():
        vars(numpy).setdefault(name, python_type)
    if cuda.is_installed():
        cuda.prepare_before_mxnet()


def check_mxnet_loads() -> None:
    """Import MXNet, and turn a shared library that is missing into one sentence.

    Raises IncompatibleEnvironment if MXNet is not installed, the dynamic linker cannot load its library, or the limits
    of the process are too low for it.
    """
    _check_mxnet()
    _check_address_space(_ADDRESS_SPACE, "MXNet's smallest network needs")
    try:
        importlib.import_module("mxnet")
    except OSError as error:
        raise IncompatibleEnvironment(_explain_linker(str(error))) from error
    except Exception as error:
        if type(error).__name__ != "MXNetError":  # a class of the module that does not load
            raise
        reason = str(error).strip().splitlines()[-1].removeprefix("MXNetError: ").rstrip(".")
        raise IncompatibleEnvironment(
            f"MXNet cannot start here ({reason}): raise this shell's limits of memory and processes "
            "(`ulimit -v`, `ulimit -u`), or set OMP_NUM_THREADS=1."
        ) from error


def threads_were_given() -> bool:
    """Return whether the user has set ``OMP_NUM_THREADS``."""
    return bool(os.environ.get("OMP_NUM_THREADS")) and not _chosen_here


def set_threads(count: int) -> None:
    """Set how many threads MXNet computes with, whatever :func:`prepare` chose.

    Every library that is loaded later reads the same variable; NumPy's own linear algebra is
    loaded already and keeps the number it started with.

    Raises UserError if the number is below 1, or MXNet has been loaded and would not notice any more.
    """
    if count < 1:
        raise UserError(f"{count} is not a number of threads: give 1 or more.")
    if "mxnet" in sys.modules:
        raise UserError(
            f"The number of threads can no longer become {count}, because MXNet reads it once, when it is "
            f"loaded: start Python with OMP_NUM_THREADS={count} instead."
        )
    os.environ["OMP_NUM_THREADS"] = str(count)


def child_environment(**more: str) -> dict[str, str]:
    """Return the variables for a child process that imports what this one can, also from the working directory."""
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    return {**os.environ, **more, "PYTHONPATH": path}


def usable_cores() -> int:
    """Return how many cores this process may use: those of its affinity mask or its CPU quota, whichever is less."""
    # macOS, for which MXNet has a wheel too, knows no affinity.
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max(1, math.ceil(min(cores, cgroup_quota())))


def cgroup_quota(memberships: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the CPU time, in cores, that the cgroups of this process, v1 and v2, allow it: infinity for no limit.

    Parameters
    ----------
    memberships
        The kernel's list of the cgroups that the process is in.
    mount
        Where the cgroup file systems are mounted.
    """
    quota = math.inf
    with suppress(OSError):
        for line in memberships.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            root = mount / "cpu" if controllers else mount
            # A limit on any ancestor binds too; and a container may see its own group mounted as the
            # root while the kernel still names it by its path outside.
            inside = PurePosixPath(path.lstrip("/"))
            for group in (inside, *inside.parents):
                quota = min(quota, _quota_of_group(root / group))
    return quota


def import_gluoncv() -> ModuleType:
    """Import gluoncv as if torch were not installed, since it refuses torch 2 beside it.

    Its ``data/mhp.py`` tells Pillow to take truncated images for whole; that is taken back. torch can be imported
    afterwards, or is there again if it was before.
    """
    truncated_are_whole = getattr(sys.modules.get("PIL.ImageFile"), "LOAD_TRUNCATED_IMAGES", False)
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "torch"}
    sys.modules["torch"] = None  # type: ignore[assignment]  # which Python takes for a module that is not there
    try:
        return importlib.import_module("gluoncv")
    finally:
        del sys.modules["torch"]
        sys.modules.update(hidden)
        if "PIL.ImageFile" in sys.modules:
            vars(sys.modules["PIL.ImageFile"])["LOAD_TRUNCATED_IMAGES"] = truncated_are_whole


def _check_python() -> None:
    if not (3, 9) <= sys.version_info[:2] < (3, 13):
        raise IncompatibleEnvironment(
            f"gluon_wgan needs Python 3.9 to 3.12, not {sys.version_info[0]}.{sys.version_info[1]}, because "
            "MXNet 1.9.1 needs NumPy 1.x: make an environment with one of those, for example "
            "`python3.11 -m venv .venv`."
        )


def _provide_home() -> None:
    """Let a folder for temporary files be the home of a user who has none, as in containers with any user number.

    The cache of prepared images, matplotlib and PyTorch all ask for it.
    """
    try:
        Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir()) / f"gluon_wgan-{os.getuid()}"
        with suppress(FileExistsError):
            home.mkdir(mode=0o700)
        if home.is_symlink() or home.stat().st_uid != os.getuid():
            home = Path(tempfile.mkdtemp(prefix=f"{home.name}-"))  # somebody else made it
        os.environ["HOME"] = str(home)


def _check_numpy_version(version: str) -> None:
    if int(version.split(".")[0]) >= 2:
        raise IncompatibleEnvironment(
            f"NumPy {version} is installed, but MXNet 1.9.1 needs NumPy 1.x: run `pip install 'numpy>=1.23,<2'`."
        )


def _check_address_space(least: int, who: str) -> None:
    """Refuse a limit under which a library, or the OpenMP runtime in it, ends the process without an exception."""
    if resource is None:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < least:
        raise IncompatibleEnvironment(
            f"This process may use only {limit / 2**30:.1f} GiB of address space, and {who} "
            f"{least / 2**30:.1f} GiB: raise the limit "
            "(`ulimit -v unlimited`, or the memory that the job asks its scheduler for)."
        )


def _check_mxnet() -> None:
    if find_spec("mxnet") is None:
        raise IncompatibleEnvironment(
            "MXNet is not installed: run `pip install mxnet==1.9.1`, or for a GPU `pip install 'gluon-wgan[cu112]'`."
        )
    if cuda.is_installed("mxnet") and cuda.is_installed():
        raise IncompatibleEnvironment(
            "mxnet and mxnet-cu112 are both installed and have overwritten each other's files: run "
            "`pip uninstall -y mxnet mxnet-cu112 && pip install mxnet==1.9.1`, or for a GPU "
            "`pip uninstall -y mxnet mxnet-cu112 && pip install 'gluon-wgan[cu112]'`."
        )
    if sys.version_info >= (3, 12) and find_spec("distutils") is None:
        raise IncompatibleEnvironment(
            "MXNet 1.9.1 needs distutils, which Python 3.12 no longer has but setuptools brings: run "
            "`pip install 'setuptools<81'`."
        )


def _explain_linker(message: str) -> str:
    library = message.split(":")[0]
    if "cannot open shared object file" not in message:
        wheel = cuda.WHEEL if cuda.is_installed() else "mxnet"
        return f"MXNet cannot be loaded ({message}): run `pip install --force-reinstall {wheel}==1.9.1`."
    if library.startswith("libcuda.so"):
        return (
            f"mxnet-cu112 needs {library}, which comes with NVIDIA's driver: install the driver, or run "
            "`pip uninstall -y mxnet-cu112 && pip install mxnet==1.9.1` to use the CPU."
        )
    if library in {Path(name).name for name in cuda.LIBRARIES}:
        return f"mxnet-cu112 needs {library}, which is not installed: run `pip install 'gluon-wgan[cu112]'`."
    return f"MXNet needs {library}, which is not installed: install the system package that holds it."


def _quota_of_group(group: Path) -> float:
    with suppress(OSError):
        limit, period = (group / "cpu.max").read_text().split()
        return math.inf if limit == "max" else int(limit) / int(period)
    with suppress(OSError):
        microseconds = int((group / "cpu.cfs_quota_us").read_text())
        return math.inf if microseconds < 0 else microseconds / int((group / "cpu.cfs_period_us").read_text())
    return math.inf
