import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.testing.emulator import Emulator, FunctionError

pytestmark = pytest.mark.usefixtures("lambda_runtime")

FUNCTION = """
import importlib.util, logging, os, sys, time

def handler(event, context):
    if event.get("raise"):
        raise ValueError("as asked")
    if event.get("die"):
        os._exit(3)
    time.sleep(event.get("sleep", 0))
    if event.get("log"):
        logging.getLogger("mine").warning("told", extra={"issue": 23})
    return {
        "pid": os.getpid(),
        "python": sys.version_info[:2],
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "found": [name for name in event.get("find", ()) if importlib.util.find_spec(name)],
        "memory": context.memory_limit_in_mb,
    }
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    (folder / "function.py").write_text(FUNCTION)
    return folder


@pytest.fixture
def function(package: Path) -> Iterator[Emulator]:
    with Emulator(package, "function.handler", env={"GL_URL": "http://localhost"}) as emulator:
        yield emulator


def test_a_function_runs_on_lambdas_python_in_its_package(
    function: Emulator, package: Path
) -> None:
    answer = function.invoke({})
    assert answer["python"] == [3, 13]
    assert answer["folder"] == str(package)
    assert answer["memory"] == "512"


def test_a_function_sees_its_package_and_the_runtime_and_not_the_project(
    function: Emulator,
) -> None:
    runtime = ["awslambdaric", "botocore"]
    names = ["function", *runtime, "infra", "handler", "fastapi", "pip", "pytest"]
    assert function.invoke({"find": names})["found"] == ["function", *runtime]


def test_a_function_gets_its_own_environment_and_not_the_shells(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GL_SECRET", "of-the-shell")
    with Emulator(package, "function.handler", env={"GL_URL": "http://localhost"}) as function:
        environment = function.invoke({})["environment"]
    assert environment["GL_URL"] == "http://localhost"
    assert environment["LAMBDA_TASK_ROOT"] == str(package)
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "emulated"
    assert "GL_SECRET" not in environment
    assert "VIRTUAL_ENV" not in environment


def test_one_process_serves_all_invocations(function: Emulator) -> None:
    assert function.invoke({})["pid"] == function.invoke({})["pid"]


def test_what_a_function_logs_is_json_with_its_extra_fields(function: Emulator) -> None:
    function.invoke({"log": True})
    (line,) = function.wait_for_log(r'\{.*"told".*\}')
    assert json.loads(line)["issue"] == 23


def test_an_exception_is_told_with_its_type(function: Emulator) -> None:
    with pytest.raises(FunctionError, match="ValueError: as asked"):
        function.invoke({"raise": True})


def test_a_function_that_died_is_started_again(function: Emulator) -> None:
    before = function.invoke({})["pid"]
    with pytest.raises(FunctionError, match="exit status 3"):
        function.invoke({"die": True})
    assert function.invoke({})["pid"] != before


def test_a_function_that_takes_too_long_is_ended(package: Path) -> None:
    with (
        Emulator(package, "function.handler", timeout=1) as function,
        pytest.raises(FunctionError, match="timed out after 1"),
    ):
        function.invoke({"sleep": 30})


def test_start_up_time_and_memory_are_measured(function: Emulator) -> None:
    with pytest.raises(RuntimeError, match="invoke it first"):
        _ = function.peak_memory_mb
    function.invoke({})
    assert function.init_milliseconds > 0
    assert 5 < function.peak_memory_mb < 100


def test_a_package_that_cannot_be_imported_says_why(package: Path) -> None:
    with (
        Emulator(package, "absent.handler") as function,
        pytest.raises(FunctionError, match="No module named 'absent'"),
    ):
        function.invoke({})


def test_nothing_runs_on_after_the_block_and_the_log_stays(package: Path) -> None:
    with Emulator(package, "function.handler") as function:
        pid = function.invoke({})["pid"]
        assert Path(f"/proc/{pid}").exists()
    assert _ended(pid)
    assert "INIT START" in function.log


def _ended(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    # An orphan that nobody has waited for yet is a zombie.
    return not status.exists() or status.read_text().rsplit(")", 1)[1].split()[0] == "Z"
