import hashlib
import importlib.metadata
import re
import struct
import subprocess
import venv
from pathlib import Path

import pytest

from infra.package import Architecture, Package, PackageError, find_python, make_package
from infra.package.bytecode import how_to_get_it
from infra.testing.runtime import host_architecture

ROOT = Path(__file__).parents[3]
MEGABYTE = 1_000_000
ELF_MACHINES = {Architecture.X86_64: 62, Architecture.ARM64: 183}


@pytest.fixture(scope="session")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return make_package(tmp_path_factory.mktemp("made") / "arm64", Architecture.ARM64)


@pytest.fixture
def python() -> Path:
    found = find_python()
    if not found:
        pytest.skip(how_to_get_it())
    return found


@pytest.fixture
def function_source(tmp_path: Path) -> Path:
    """The source of a small function, with what an editor and an interpreter leave in a folder."""
    source = tmp_path / "source" / "bot"
    (source / "__pycache__").mkdir(parents=True)
    (source / "__pycache__" / "app.cpython-311.pyc").write_bytes(b"stale")
    (source / "app.py").write_text("LEVELS = {'low', 'middle', 'high'}\n")
    (source / "gitlab-ca.pem").write_text("a certificate\n")
    (source / ".app.py.swp").write_text("")
    return source


def test_the_package_holds_the_locked_packages_and_nothing_else(built: Path) -> None:
    held = {as_locked(path.name.split("-")[0]) for path in built.glob("*.dist-info")}
    assert held == set(locked())


def test_every_folder_is_the_bots_or_a_locked_packages(built: Path) -> None:
    owners = importlib.metadata.packages_distributions()
    top = {path.name.removesuffix(".py") for path in built.iterdir()}
    top -= {path.name for path in built.glob("*.dist-info")}
    top -= {"__pycache__", "bot", "receive", "work", "gidgetlambda"}
    owned = {name: {as_locked(owner) for owner in owners[name]} for name in top}
    assert {name for name in top if not owned[name] <= set(locked())} == set()


def test_the_package_holds_all_of_handler(built: Path) -> None:
    source = ROOT / "handler"
    for module in source.rglob("*.py"):
        shipped = built / module.relative_to(source)
        assert shipped.read_bytes() == module.read_bytes()


def test_nothing_in_the_package_tells_of_the_machine_that_built_it(built: Path) -> None:
    traces = [str(ROOT).encode(), str(built).encode(), b"site-packages/pip"]
    assert [
        path
        for path in built.rglob("*")
        if path.is_file() and any(trace in path.read_bytes() for trace in traces)
    ] == []
    assert [path for path in built.rglob("*") if path.name in ("RECORD", "INSTALLER", "bin")] == []


def test_every_module_has_byte_code_that_lambda_takes_unchecked(built: Path, python: Path) -> None:
    code = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    magic = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout
    for module in built.rglob("*.py"):
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        header = compiled.read_bytes()[:8]
        assert header[:4].hex() == magic.strip()
        # 1: goes by a hash of the source, and the hash is not checked (PEP 552).
        assert struct.unpack("<I", header[4:]) == (1,), compiled


def test_the_package_is_the_same_bytes_when_built_twice(built: Path, tmp_path: Path) -> None:
    again = make_package(
        tmp_path / "again", host_architecture(), cache=tmp_path / "cache"
    )  # nothing is kept from the first
    assert contents(again.folder) == contents(built)


def test_a_second_build_takes_the_dependencies_from_the_cache(
    arm64: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    again = make_package(tmp_path / "again", Architecture.ARM64)
    assert again.digest == arm64.digest


def test_the_package_for_arm64_is_small(arm64: Package, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\npackage: {arm64.source_bytes / MEGABYTE:.1f} MB without byte code (arm64)")
    assert arm64.source_bytes <= 12 * MEGABYTE


def test_compiled_libraries_are_for_the_processor_that_was_asked_for(
    arm64: Package, built: Path
) -> None:
    assert machines(arm64.folder) == {ELF_MACHINES[Architecture.ARM64]}
    assert machines(built) == {ELF_MACHINES[host_architecture()]}


def test_data_files_are_shipped_and_what_editors_leave_is_not(
    function_source: Path, tmp_path: Path
) -> None:
    made = make_package(
        tmp_path / "made", Architecture.ARM64, source=function_source, bytecode=False
    )
    for left in ("__pycache__", ".app.py.swp"):
        assert not (made.folder / left).exists()
    for shipped in ("app.py", "gitlab-ca.pem"):
        assert (made.folder / shipped).exists()


def test_a_package_can_be_made_without_byte_code(function_source: Path, tmp_path: Path) -> None:
    made = make_package(
        tmp_path / "made", Architecture.ARM64, source=function_source, bytecode=False
    )
    assert (made.python, made.bytecode_bytes) == (None, 0)
    assert list(made.folder.rglob("*.pyc")) == []


def test_every_file_has_the_same_date_and_plain_rights(arm64: Package) -> None:
    files = [path for path in arm64.folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mtime for path in files} == {315_532_800}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o644}


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PackageError, match="is not empty"):
        make_package(tmp_path, Architecture.ARM64)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_module_that_does_not_compile_stops_the_build(
    python: Path, function_source: Path, tmp_path: Path
) -> None:
    (function_source / "broken.py").write_text("def (:\n")
    with pytest.raises(PackageError, match=r"broken\.py"):
        make_package(tmp_path / "made", Architecture.ARM64, source=function_source)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("json.py", "Python's own module json"),
        ("logging/x.py", "Python's own module logging"),
        ("httpx.py", "the dependency httpx"),
        ("mangum/x.py", "the dependency mangum"),
    ],
)
def test_refuses_a_module_that_hides_another(
    function_source: Path, tmp_path: Path, name: str, hidden: str
) -> None:
    (function_source / name).parent.mkdir(exist_ok=True)
    (function_source / name).write_text("")
    with pytest.raises(PackageError, match=f"hides {hidden}: rename it"):
        make_package(tmp_path / "made", Architecture.ARM64, source=function_source)


def test_a_wheel_with_another_hash_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.txt"
    lock.write_text(f"mangum=={locked()['mangum']} --hash=sha256:{'0' * 64}\n")
    with pytest.raises(PackageError, match=r"(?i)hashes"):
        make_package(
            tmp_path / "made", Architecture.ARM64, requirements=lock, cache=tmp_path / "cache"
        )


def test_a_python_without_pip_gets_it_in_an_environment_of_its_own(
    function_source: Path, tmp_path: Path
) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    lock = tmp_path / "requirements.txt"
    lock.write_text(one_locked("idna"))
    code = f"""
from pathlib import Path
from infra.package import Architecture, make_package
here = Path({str(tmp_path)!r})
make_package(
    here / "made", Architecture.ARM64, source=Path({str(function_source)!r}),
    requirements=here / "requirements.txt", cache=here / "cache",
)"""
    python = tmp_path / "bare" / "bin" / "python"
    subprocess.run([python, "-c", code], cwd=ROOT, check=True, capture_output=True)
    assert (tmp_path / "made" / "idna" / "__init__.py").exists()


def locked() -> dict[str, str]:
    """Name and version of what requirements.txt locks."""
    text = (ROOT / "requirements.txt").read_text()
    return dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))


def as_locked(name: str) -> str:
    return name.lower().replace("_", "-")


def one_locked(name: str) -> str:
    text = (ROOT / "requirements.txt").read_text()
    found = re.search(rf"^{name}==.*?(?=^\S)", text, re.MULTILINE | re.DOTALL)
    assert found
    return found[0]


def contents(folder: Path) -> dict[str, str]:
    """A digest of every file, by its name in the folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def machines(folder: Path) -> set[int]:
    """The processors that the compiled libraries of a folder are for, as ELF numbers them."""
    return {
        struct.unpack_from("<H", library.read_bytes(), 18)[0] for library in folder.rglob("*.so")
    }
