"""The package that `make_package` builds, with the sample bot in place of the owner's."""

from __future__ import annotations

import importlib.metadata
import re
import struct
import subprocess
import venv
from typing import TYPE_CHECKING

import pytest

from infra.package import Architecture, Package, PackageError, find_python, make_package
from infra.package.bytecode import how_to_get_it
from tests.infra.package.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ELF_MACHINES = {Architecture.X86_64: 62, Architecture.ARM64: 183}


@pytest.fixture
def python() -> Path:
    found = find_python()
    if not found:
        pytest.skip(how_to_get_it())
    return found


@pytest.fixture
def small_source(tmp_path: Path) -> Path:
    """Make the source of a small function, with the leftovers of an editor and an interpreter."""
    source = tmp_path / "source"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"stale")
    (source / "app.py").write_text("LEVELS = {'low', 'middle', 'high'}\n")
    (source / "gitlab-ca.pem").write_text("a certificate\n")
    (source / ".app.py.swp").write_text("")
    (source / "app.egg-info").mkdir()
    return source


def test_contains_the_source_and_the_locked_distributions_and_nothing_else(
    sample: Package, sample_source: Path
) -> None:
    distributions = importlib.metadata.packages_distributions()
    names = {path.name for path in sample.folder.iterdir()}
    metadata = {name for name in names if name.endswith(".dist-info")}
    assert {normalized(name.split("-")[0]) for name in metadata} == locked_names()
    own = {path.name for path in sample_source.iterdir()}
    assert own <= names
    for name in names - own - metadata - {"__pycache__", "ca"}:
        owners = distributions[name.removesuffix(".py")]
        assert {normalized(owner) for owner in owners} <= locked_names(), name


def test_ships_data_files_and_no_leftovers(small_source: Path, tmp_path: Path) -> None:
    package = make_package(
        tmp_path / "built", Architecture.ARM64, source=small_source, bytecode=False
    )
    own = {path.name for path in small_source.iterdir()}
    shipped = {path.name for path in package.folder.iterdir()}
    assert own & shipped == {"app.py", "gitlab-ca.pem"}
    assert (package.python, package.bytecode_bytes) == (None, 0)
    assert list(package.folder.rglob("*.pyc")) == []


def test_contains_no_trace_of_the_machine_that_built_it(sample: Package) -> None:
    traces = [str(ROOT).encode(), str(sample.folder).encode(), b"site-packages/pip"]
    files = [path for path in sample.folder.rglob("*") if path.is_file()]
    assert [path for path in files if any(trace in path.read_bytes() for trace in traces)] == []
    assert not {"RECORD", "INSTALLER", "bin"} & {path.name for path in sample.folder.rglob("*")}
    assert {path.stat().st_mtime for path in files} == {315_532_800}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_every_module_has_bytecode_that_lambda_does_not_check(
    sample: Package, python: Path
) -> None:
    code = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    magic = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    for module in sample.folder.rglob("*.py"):
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        header = compiled.read_bytes()[:8]
        assert header[:4].hex() == magic.strip()
        # 1: valid by a hash of the source that is not checked (PEP 552).
        assert struct.unpack("<I", header[4:]) == (1,), compiled


def test_a_python_without_pip_and_cache_builds_the_same_bytes(
    sample: Package, sample_source: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    code = f"""
from pathlib import Path
from infra.package import Architecture, make_package
here = Path({str(tmp_path)!r})
made = make_package(
    here / "built",
    Architecture({sample.architecture.value!r}),
    source=Path({str(sample_source)!r}),
    cache=here / "cache",
)
print(made.digest)"""
    done = subprocess.run(
        [tmp_path / "bare" / "bin" / "python", "-c", code],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == sample.digest


def test_a_later_build_takes_the_dependencies_from_the_cache(
    arm64: Package, sample_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    later = make_package(tmp_path / "later", Architecture.ARM64, source=sample_source)
    assert later.digest == arm64.digest


def test_the_package_is_small(
    arm64: Package, record_property: Callable[[str, object], None]
) -> None:
    megabytes = arm64.source_bytes / 1e6
    record_property("figure", f"package for arm64: {megabytes:.1f} MB without bytecode")
    assert megabytes <= 12


def test_compiled_libraries_are_for_the_requested_architecture(
    arm64: Package, sample: Package
) -> None:
    for package in (arm64, sample):
        libraries = [library.read_bytes() for library in package.folder.rglob("*.so")]
        machines = {struct.unpack_from("<H", library, 18)[0] for library in libraries}
        assert machines == {ELF_MACHINES[package.architecture]}


def test_refuses_a_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PackageError, match="is not empty"):
        make_package(tmp_path, Architecture.ARM64)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_refuses_a_module_that_does_not_compile(
    python: Path, small_source: Path, tmp_path: Path
) -> None:
    (small_source / "broken.py").write_text("def (:\n")
    with pytest.raises(PackageError, match=r"broken\.py"):
        make_package(tmp_path / "built", Architecture.ARM64, source=small_source)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("json.py", "Python's own module json"),
        ("json.cpython-313-aarch64-linux-gnu.so", "Python's own module json"),
        ("logging/__init__.py", "Python's own module logging"),
        ("fastapi.py", "the dependency fastapi"),
        ("fastapi.abi3.so", "the dependency fastapi"),
        ("mangum/__init__.py", "the dependency mangum"),
        ("typing_extensions.py", "the dependency typing_extensions"),
        ("typing_extensions/data.txt", "the dependency typing_extensions"),
        ("botocore.py", "the module botocore of Lambda's runtime"),
        ("ca/company.pem", "the folder ca of certificate authorities"),
    ],
)
def test_refuses_a_module_that_hides_another(
    small_source: Path, tmp_path: Path, name: str, hidden: str
) -> None:
    (small_source / name).parent.mkdir(exist_ok=True)
    (small_source / name).write_text("")
    with pytest.raises(PackageError, match=f"hides {hidden}: rename it"):
        make_package(tmp_path / "built", Architecture.ARM64, source=small_source)
    assert not (tmp_path / "built").exists()


def test_refuses_a_wheel_with_another_hash(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    version = importlib.metadata.version("mangum")
    lock.write_text(f"mangum=={version} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(PackageError, match=r"(?i)hashes"):
        make_package(
            tmp_path / "built", Architecture.ARM64, requirements=lock, cache=tmp_path / "cache"
        )


def locked_names() -> set[str]:
    text = (ROOT / "requirements.txt").read_text()
    return set(re.findall(r"^([\w-]+)==", text, re.MULTILINE))


def normalized(name: str) -> str:
    """Return the name of a distribution as the lock spells it."""
    return name.lower().replace("_", "-")
