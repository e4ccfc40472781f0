import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.package.conftest import ROOT


def build(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.package", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="this Python has Lambda's version")
def test_a_build_without_python_313_explains_how_to_provide_it(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    environment = {"PATH": nowhere, "HOME": nowhere, "PYENV_ROOT": nowhere, "PYTHON313": ""}
    done = build("folder", tmp_path / "built", "arm64", **environment)
    assert done.returncode == 0
    assert "NO BYTECODE" in done.stdout
    assert "PYTHON313=" in done.stdout
    assert list((tmp_path / "built").rglob("*.pyc")) == []


def test_a_build_with_another_python_as_python_313_fails(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent")
    done = build("folder", tmp_path / "built", "arm64", PYTHON313=absent)
    assert done.returncode == 1
    assert f"The package was not built: PYTHON313={absent}" in done.stderr
