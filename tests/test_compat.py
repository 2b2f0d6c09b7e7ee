"""The environment that MXNet needs: refused in one sentence, or mended."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gluon_wgan import compat
from gluon_wgan.errors import UserError

Runner = Callable[..., "subprocess.CompletedProcess[str]"]

SCRIPT = """
import sys
try:
    import gluon_wgan
    gluon_wgan.compat.check_mxnet_loads()
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(2)
"""


def fake_packages(folder: Path, *distributions: str, **sources: str) -> Path:
    """Write packages with the given source, and the metadata of the given distributions."""
    for name, source in sources.items():
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(source)
    for name in distributions:
        information = folder / f"{name.replace('-', '_')}-1.9.1.dist-info"
        information.mkdir()
        (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.9.1\n")
    return folder


NUMPY = "__version__ = '1.26.4'"
HEALTHY = {"numpy": NUMPY, "mxnet": "", "distutils": ""}


def without(name: str) -> dict[str, str]:
    return {package: source for package, source in HEALTHY.items() if package != name}


def pretend_python(minor: int) -> str:
    return f"import sys; sys.version_info = (3, {minor}, 0, 'final', 0)\n"


def assert_refused(run: subprocess.CompletedProcess[str], *words: str) -> None:
    assert run.returncode == 2, run.stderr
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    for word in words:
        assert word in run.stderr


def test_a_healthy_environment_is_accepted_in_silence(run_python: Runner, tmp_path: Path) -> None:
    run = run_python(SCRIPT, path=(fake_packages(tmp_path, "mxnet", **HEALTHY),), bare=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("before", "distributions", "packages", "words"),
    [
        (pretend_python(13), ["mxnet"], HEALTHY, ["3.13", "python3.11 -m venv"]),
        (pretend_python(8), ["mxnet"], HEALTHY, ["3.8", "python3.11 -m venv"]),
        ("", ["mxnet"], {**HEALTHY, "numpy": "__version__ = '2.1.0'"}, ["2.1.0", "'numpy>=1.23,<2'"]),
        ("", ["mxnet"], without("numpy"), ["NumPy is not installed", "pip install 'numpy>=1.23,<2'"]),
        ("", [], without("mxnet"), ["MXNet is not installed", "pip install mxnet==1.9.1"]),
        (
            "",
            ["mxnet", "mxnet-cu112"],
            HEALTHY,
            ["mxnet and mxnet-cu112", "pip uninstall -y mxnet mxnet-cu112 && pip install mxnet==1.9.1"],
        ),
        (
            pretend_python(12) + "sys.modules['distutils'] = None\n",
            ["mxnet"],
            HEALTHY,
            ["distutils", "pip install 'setuptools<81'"],
        ),
    ],
    ids=["python-3.13", "python-3.8", "numpy-2", "no-numpy", "no-mxnet", "both-wheels", "no-distutils"],
)
def test_an_unfit_environment_is_refused_in_one_sentence(
    run_python: Runner,
    tmp_path: Path,
    before: str,
    distributions: list[str],
    packages: dict[str, str],
    words: list[str],
) -> None:
    fake_packages(tmp_path, *distributions, **packages)
    assert_refused(run_python(before + SCRIPT, path=(tmp_path,), bare=True), *words)


ABSENT = ": cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"libcudnn.so.8{ABSENT}", ["libcudnn.so.8", "[cu112]'"]),
        (f"libcuda.so.1{ABSENT}", ["libcuda.so.1", "driver", "pip install mxnet==1.9.1"]),
        (f"libquadmath.so.0{ABSENT}", ["libquadmath.so.0", "system package"]),
        ("libmxnet.so: file too short", ["file too short", "--force-reinstall mxnet==1.9.1"]),
    ],
)
def test_a_library_that_does_not_load_is_one_sentence(
    run_python: Runner, tmp_path: Path, message: str, words: list[str]
) -> None:
    fake_packages(tmp_path, "mxnet", **{**HEALTHY, "mxnet": f"raise OSError({message!r})"})
    assert_refused(run_python(SCRIPT, path=(tmp_path,), bare=True), *words)


LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_AS, ({0} * 2**20, {0} * 2**20))\n"


@pytest.mark.parametrize(("mebibytes", "needed"), [(150, "0.5"), (500, "0.5"), (700, "2.0"), (2000, "2.0")])
def test_a_limit_of_the_address_space_is_one_sentence(run_python: Runner, mebibytes: int, needed: str) -> None:
    assert_refused(run_python(LIMITED.format(mebibytes) + SCRIPT), "address space", f"{needed} GiB:", "ulimit -v")


def test_an_mxnet_that_cannot_start_its_threads_is_one_sentence(run_python: Runner, tmp_path: Path) -> None:
    raises = "class MXNetError(Exception): pass\nraise MXNetError('\\nMXNetError: Resource temporarily unavailable.')"
    fake_packages(tmp_path, "mxnet", **{**HEALTHY, "mxnet": raises})
    assert_refused(run_python(SCRIPT, path=(tmp_path,), bare=True), "(Resource temporarily unavailable)", "ulimit -u")


def test_the_numpy_names_that_mxnet_reads_are_back(run_python: Runner) -> None:
    code = "import gluon_wgan, numpy; assert (numpy.bool, numpy.int, numpy.float) == (bool, int, float)"
    assert run_python(f"import warnings; warnings.simplefilter('error'); {code}").stderr == ""


def test_names_that_numpy_only_deprecates_are_replaced_without_being_looked_up(
    run_python: Runner, tmp_path: Path
) -> None:
    warns = "def __getattr__(name): raise DeprecationWarning(name)"
    fake_packages(tmp_path, "mxnet", **{**HEALTHY, "numpy": f"{NUMPY}\n{warns}"})
    run = run_python("import gluon_wgan, numpy; print(numpy.bool)", path=(tmp_path,), bare=True)
    assert run.stdout == "<class 'bool'>\n", run.stderr


@pytest.mark.slow
def test_mxnet_works_where_numpy_has_dropped_the_names(run_python: Runner) -> None:
    code = (
        "import gluon_wgan, mxnet as mx\n"
        "x = mx.np.array([1.0, 2.0])\n"
        "print(x[x > 1].item(), mx.np.full_like(x, True, dtype=bool).all())"
    )
    assert run_python(code).stdout == "2.0 True\n"


def test_importing_the_package_loads_nothing_heavy(run_python: Runner) -> None:
    heavy = {"mxnet", "cv2", "scipy", "matplotlib", "torch"}
    assert run_python(f"import sys, gluon_wgan; print({heavy} & set(sys.modules))").stdout == "set()\n"


def test_the_threads_are_set_before_anything_reads_them(run_python: Runner, tmp_path: Path) -> None:
    reads = "import os; print(os.environ['OMP_NUM_THREADS'])"
    fake_packages(tmp_path, "mxnet", **{**HEALTHY, "numpy": f"{NUMPY}\n{reads}", "mxnet": reads})
    code = "import gluon_wgan, mxnet"
    cores = str(compat.usable_cores())
    assert run_python(code, path=(tmp_path,), bare=True).stdout.split() == [cores, cores]
    assert run_python(code, path=(tmp_path,), bare=True, OMP_NUM_THREADS="7").stdout.split() == ["7", "7"]
    assert run_python(code, path=(tmp_path,), bare=True, OMP_NUM_THREADS="").stdout.split() == [cores, cores]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has affinity masks")
def test_the_threads_follow_the_affinity_mask(run_python: Runner) -> None:
    core = min(os.sched_getaffinity(0))
    narrow = f"import os; os.sched_setaffinity(0, [{core}])\n"
    assert run_python(narrow + "import gluon_wgan; print(os.environ['OMP_NUM_THREADS'])").stdout == "1\n"


def test_a_child_process_finds_modules_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "only_here.py").write_text("print('found')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])  # as python -c has it
    environment = compat.child_environment(OTHER="1")
    monkeypatch.chdir("/")
    child = subprocess.run([sys.executable, "-c", "import only_here"], env=environment, capture_output=True, text=True)
    assert child.stdout == "found\n" and environment["OTHER"] == "1"


@pytest.mark.parametrize(("quota", "cores"), [(math.inf, 4), (8.0, 4), (2.0, 2), (1.5, 2), (0.25, 1)], ids=str)
def test_usable_cores_is_the_tighter_of_affinity_and_quota(
    monkeypatch: pytest.MonkeyPatch, quota: float, cores: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    monkeypatch.setattr(compat, "cgroup_quota", lambda: quota)
    assert compat.usable_cores() == cores


@pytest.mark.parametrize(
    ("memberships", "files", "quota"),
    [
        ("0::/a/b", {"a/b/cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000"}, math.inf),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "300000 100000"}, 3.0),
        ("0::/", {"cpu.max": "50000 100000"}, 0.5),
        ("0::/outside/the/container", {"cpu.max": "200000 100000"}, 2.0),
        (
            "4:cpu,cpuacct:/a\n1:name=systemd:/a",
            {"cpu/a/cpu.cfs_quota_us": "250000", "cpu/a/cpu.cfs_period_us": "100000"},
            2.5,
        ),
        ("1:cpu:/", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, math.inf),
        ("2:cpuset:/a", {"cpu/a/cpu.cfs_quota_us": "100000", "cpu/a/cpu.cfs_period_us": "100000"}, math.inf),
        ("0::/", {}, math.inf),
        (None, {"cpu.max": "50000 100000"}, math.inf),
    ],
)
def test_the_quota_is_the_tightest_of_the_cgroups(
    tmp_path: Path, memberships: str | None, files: dict[str, str], quota: float
) -> None:
    if memberships is not None:
        (tmp_path / "memberships").write_text(f"{memberships}\n")
    for name, text in files.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    assert compat.cgroup_quota(tmp_path / "memberships", tmp_path / "cgroup") == quota


def test_set_threads_overrides_the_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.delitem(sys.modules, "mxnet", raising=False)
    compat.set_threads(3)
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_set_threads_refuses_what_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mxnet", ModuleType("mxnet"))
    with pytest.raises(UserError, match="OMP_NUM_THREADS=3"):
        compat.set_threads(3)
    monkeypatch.delitem(sys.modules, "mxnet")
    with pytest.raises(UserError, match="0 is not a number of threads"):
        compat.set_threads(0)


@pytest.mark.parametrize(("wheel", "status"), [("mxnet-cu112", 0), ("mxnet", 2)])
def test_only_the_cuda_wheel_finds_its_libraries_loaded(
    run_python: Runner, compile_library: Callable[..., Path], tmp_path: Path, wheel: str, status: int
) -> None:
    runtime = compile_library(
        tmp_path / "nvidia/cuda_runtime/lib/libcudart.so.11.0", "int cudaFree(void *p) { return 0; }"
    )
    source = "int cudaFree(void *p); int use(void) { return cudaFree(0); }"
    library = compile_library(tmp_path / "libmxnet.so", source, str(runtime))
    fake_packages(tmp_path, wheel, **{**HEALTHY, "mxnet": f"import ctypes; ctypes.CDLL({str(library)!r})"})
    run = run_python(SCRIPT, path=(tmp_path,), bare=True)
    assert run.returncode == status, run.stderr
    assert ("libcudart.so.11.0" in run.stderr) == (status == 2)


GLUONCV_THAT_REFUSES_TORCH = """
try:
    from torch.nn import Linear
except ImportError:
    pass
else:
    raise RuntimeError("Legacy torch detected")
"""


EARLY_TORCH = "import torch.nn; early = torch, torch.nn\n"


@pytest.mark.parametrize("before", ["", EARLY_TORCH], ids=["torch-later", "torch-earlier"])
def test_gluoncv_does_not_see_torch_and_everyone_else_does(run_python: Runner, tmp_path: Path, before: str) -> None:
    fake_packages(tmp_path, "mxnet", **HEALTHY, gluoncv=GLUONCV_THAT_REFUSES_TORCH, torch="")
    (tmp_path / "torch" / "nn.py").write_text("Linear = object")
    code = (
        "import sys, gluon_wgan\nfinders = list(sys.meta_path)\n"
        f"{before}gluoncv = gluon_wgan.compat.import_gluoncv()\n"
        "import torch.nn\n"
        "assert gluoncv.__name__ == 'gluoncv' and sys.meta_path == finders\n"
    )
    check = "assert early == (torch, sys.modules['torch.nn'])\n" if before else ""
    run = run_python(code + check, path=(tmp_path,), bare=True)
    assert run.returncode == 0, run.stderr


def test_torch_comes_back_when_gluoncv_fails(run_python: Runner, tmp_path: Path) -> None:
    fake_packages(tmp_path, "mxnet", **HEALTHY, gluoncv="raise ImportError('broken')", torch="")
    code = (
        "import gluon_wgan\n"
        "try:\n    gluon_wgan.compat.import_gluoncv()\n"
        "except ImportError as error:\n    print(error)\n"
        "import torch"
    )
    run = run_python(code, path=(tmp_path,), bare=True)
    assert (run.stdout, run.returncode) == ("broken\n", 0), run.stderr


@pytest.mark.slow
def test_the_real_gluoncv_and_torch_work_in_one_process(
    run_python: Runner, require_torch: Callable[[], ModuleType]
) -> None:
    require_torch()
    code = (
        "from gluon_wgan.compat import import_gluoncv\n"
        "network = import_gluoncv().model_zoo.get_model('resnet18_v1')\n"
        "import torch\n"
        "from PIL import ImageFile\n"
        "print(type(network).__name__, float(torch.ones(2).sum()), ImageFile.LOAD_TRUNCATED_IMAGES)"
    )
    assert run_python(code).stdout == "ResNetV1 2.0 False\n"
    assert run_python("from PIL import ImageFile\nImageFile.LOAD_TRUNCATED_IMAGES = True\n" + code).stdout.endswith(
        "True\n"
    )


def test_a_user_without_a_home_gets_one_for_temporary_files(tmp_path, monkeypatch):
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(compat.Path, "home", no_home)
    monkeypatch.setattr(compat.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(compat.tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("HOME", raising=False)
    for _ in range(2):
        compat.prepare()
        assert os.environ["HOME"] == str(tmp_path / f"gluon_wgan-{os.getuid()}")
    shutil.rmtree(tmp_path / f"gluon_wgan-{os.getuid()}")
    (tmp_path / f"gluon_wgan-{os.getuid()}").symlink_to(tmp_path)
    compat.prepare()
    assert Path(os.environ["HOME"]).parent == tmp_path and not Path(os.environ["HOME"]).is_symlink()
