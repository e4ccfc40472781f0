from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING

import pytest

from infra.testing.emulator import FunctionError
from infra.testing.functions import FunctionProcess, LocalFunction

from . import functions_for_tests

if TYPE_CHECKING:
    from pathlib import Path

MODULE = functions_for_tests.__name__


def test_a_function_has_the_environment_that_it_is_given_and_no_other() -> None:
    with FunctionProcess(f"{MODULE}.tell", {"NAME": "work"}) as function:
        told = function.invoke({"about": "it"})

    assert (told["name"], told["path"]) == ("work", None)
    assert 0 < told["left"] <= 60_000


def test_a_process_is_kept_for_the_next_invocation_and_replaced_when_killed() -> None:
    with FunctionProcess(f"{MODULE}.tell", {}) as function:
        first, second = (function.invoke({"about": "it"})["pid"] for _ in range(2))
        function.kill()
        third = function.invoke({"about": "it"})["pid"]

    assert first == second != third


def test_a_function_that_raises_fails_and_lives_on() -> None:
    with FunctionProcess(f"{MODULE}.fail", {}) as function:
        for _ in range(2):
            with pytest.raises(FunctionError, match="ValueError: a bug"):
                function.invoke({})


def test_a_function_that_takes_too_long_is_killed() -> None:
    with (
        FunctionProcess(f"{MODULE}.sleep", {}, timeout=0.2) as function,
        pytest.raises(FunctionError, match=r"ran out of its 0.2 s"),
    ):
        function.invoke({})


def test_a_function_can_be_killed_while_it_runs() -> None:
    with FunctionProcess(f"{MODULE}.sleep", {}) as function:

        def kill() -> None:
            time.sleep(0.2)
            function.kill()

        killer = threading.Thread(target=kill)
        killer.start()
        with pytest.raises(FunctionError, match="the function died"):
            function.invoke({})
        killer.join()


def test_what_a_function_logs_has_its_fields(tmp_path: Path) -> None:
    log = tmp_path / "function.log"
    with FunctionProcess(f"{MODULE}.tell", {}, log=log) as function:
        function.invoke({"about": "it"})

    line = json.loads(log.read_text())
    assert (line["level"], line["message"], line["about"]) == ("INFO", "asked", "it")


def test_a_function_of_this_process_fails_in_the_same_way() -> None:
    assert LocalFunction(functions_for_tests.tell).invoke({"about": "it"})["pid"]
    with pytest.raises(FunctionError, match="ValueError: a bug"):
        LocalFunction(functions_for_tests.fail).invoke({})
