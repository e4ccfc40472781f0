"""The effects of an entry point on its process, observed in a separate process."""

from pathlib import Path

import pytest

from tests.handler.processes import run_python


@pytest.mark.parametrize("module", ["receive", "work"])
def test_the_garbage_collector_skips_the_imports_of_an_entry_point(module: str) -> None:
    code = f"import gc, {module}; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    assert run_python(code) == "True True\n"


def test_the_framework_alone_does_not_change_the_process() -> None:
    code = (
        "import gc, sys, bot; bot.bot.app; "
        "print(gc.get_freeze_count(), sys.modules.get('sniffio', 'not searched for'))"
    )
    assert run_python(code) == "0 not searched for\n"


def test_a_failing_import_leaves_the_garbage_collector_on() -> None:
    code = (
        "import gc\n"
        "from gidgetlambda.startup import imported_for_good\n"
        "try:\n"
        "    with imported_for_good():\n"
        "        import no_such_module\n"
        "except ModuleNotFoundError:\n"
        "    print(gc.isenabled())"
    )
    assert run_python(code) == "True\n"


def test_an_installed_sniffio_is_found(tmp_path: Path) -> None:
    (tmp_path / "sniffio.py").write_text("here = True")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import work, sniffio"
    assert run_python(f"{code}; print(sniffio.here)") == "True\n"
