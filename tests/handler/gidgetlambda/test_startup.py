"""What an entry point does to its process; seen in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def told(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["receive", "work"])
def test_an_entry_point_keeps_what_it_imports_out_of_the_search_for_garbage(module: str) -> None:
    code = f"import gc, {module}; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    assert told(code) == "True True"


def test_the_framework_by_itself_leaves_the_process_alone() -> None:
    code = (
        "import gc, sys, gidgetlambda; gidgetlambda.GitLabBot('x').app; "
        "print(gc.get_freeze_count(), sys.modules.get('sniffio', 'never asked for'))"
    )
    assert told(code).split() == ["0", "never", "asked", "for"]


def test_an_import_that_fails_leaves_the_search_for_garbage_on() -> None:
    code = (
        "import gc\n"
        "from gidgetlambda.startup import imported_for_good\n"
        "try:\n"
        "    with imported_for_good():\n"
        "        import no_such_module\n"
        "except ModuleNotFoundError:\n"
        "    print(gc.isenabled())"
    )
    assert told(code) == "True"


def test_a_sniffio_that_is_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "sniffio.py").write_text("here = True")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import work, sniffio"
    assert told(f"{code}; print(sniffio.here)") == "True"
