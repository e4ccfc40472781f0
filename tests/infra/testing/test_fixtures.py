import subprocess
import sys
from pathlib import Path

FAILING_TEST = """
from gidgetlambda import Router

router = Router(name="plugin")

@router.register("Issue Hook")
async def broken(event, gl):
    raise ValueError("on purpose")

def test_comments(serve_bot, sandbox):
    serve_bot(router)
    issue = sandbox.open_issue("A bug")
    sandbox.settle()
    assert issue.notes
"""


def test_shows_the_reason_and_the_traceback_of_a_handlers_failure(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text(FAILING_TEST)
    command = [sys.executable, "-m", "pytest", "-p", "infra.testing.fixtures", str(tmp_path)]
    output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert "1 failed" in output
    assert "handler=plugin.broken" in output
    assert "outcome=failed because=ValueError: on purpose" in output
    assert "message=task" not in output
    assert 'test_broken.py", line 8, in broken' in output
