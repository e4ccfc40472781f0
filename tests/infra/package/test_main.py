import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "infra.package", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.version_info[:2] == (3, 13), reason="this Python is one")
def test_a_build_without_python_313_says_so_and_what_to_do(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    done = run(
        "folder",
        tmp_path / "made",
        "arm64",
        PATH=nowhere,
        HOME=nowhere,
        PYENV_ROOT=nowhere,
        PYTHON313="",
    )
    assert done.returncode == 0
    assert "NO BYTE CODE" in done.stdout
    assert "PYTHON313=" in done.stdout
    assert list((tmp_path / "made").rglob("*.pyc")) == []


def test_a_failed_build_says_why_and_exits_with_1(tmp_path: Path) -> None:
    done = run("sam", tmp_path / "build" / "ReceiveFunction")
    assert done.returncode == 1
    assert "The package was not made" in done.stderr
    assert "build.toml does not exist" in done.stderr
