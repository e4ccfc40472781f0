import sys
from pathlib import Path

import pytest

from infra.package import PYTHON_VERSION, PackageError, find_python
from infra.package.bytecode import describe


def test_finds_a_python_of_lambdas_version() -> None:
    python = find_python()
    if not python:
        pytest.skip(f"no Python {PYTHON_VERSION} is available")
    assert describe(python).startswith(f"{PYTHON_VERSION}.")


def test_refuses_a_named_python_of_another_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHON313", str(tmp_path / "absent"))
    with pytest.raises(PackageError, match="PYTHON313="):
        find_python()


@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="this Python has Lambda's version")
def test_finds_none_where_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("PATH", "PYENV_ROOT", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.delenv("PYTHON313", raising=False)
    assert find_python() is None
