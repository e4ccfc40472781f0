"""A function under the emulator is isolated: a leak would hide a missing setting or package."""

from pathlib import Path

import pytest

from infra.testing.emulator import Emulator

FUNCTION = """
import importlib.util, os

def describe(names, context):
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "found": [name for name in names if importlib.util.find_spec(name)],
    }
"""


@pytest.mark.usefixtures("lambda_runtime")
def test_a_function_sees_only_its_package_its_environment_and_the_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GL_SECRET", "of-the-shell")
    (tmp_path / "function.py").write_text(FUNCTION)
    expected = ["function", "awslambdaric", "botocore"]
    others = ["infra", "gidgetlambda", "fastapi", "pip", "pytest"]
    with Emulator(tmp_path, "function.describe", env={"GL_URL": "http://localhost"}) as function:
        answer = function.invoke([*expected, *others])
        assert Path(f"/proc/{answer['pid']}").exists()
        assert "INIT START" in function.log

    assert answer["found"] == expected
    assert answer["environment"]["GL_URL"] == "http://localhost"
    assert not {"GL_SECRET", "VIRTUAL_ENV"} & answer["environment"].keys()
    assert _has_ended(answer["pid"])


def _has_ended(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    # An orphan that nobody has waited for yet is a zombie.
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"
