"""What the sam command makes of the template."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from samcli.lib.providers.sam_function_provider import SamFunctionProvider
from samcli.lib.providers.sam_stack_provider import SamLocalStackProvider

from tests.template.stack import REGION, ROOT, Resource

SAM = Path(sys.executable).with_name("sam")

# SAM calls parts of its own that it means to do without one day.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    configuration: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
    return configuration


@pytest.fixture(scope="module")
def local(configuration: dict[str, Any]) -> dict[str, Any]:
    """The settings of `sam local start-api`."""
    settings: dict[str, Any] = configuration["local_start_api"]["parameters"]
    return settings


def test_sam_finds_nothing_to_complain_about() -> None:
    done = subprocess.run(
        [SAM, "validate", "--lint"],
        cwd=ROOT,
        env=os.environ | {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": REGION},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_function_has_a_target_in_the_makefile(written: Resource) -> None:
    targets = re.findall(r"^(build-[\w -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    functions = [
        (name, resource)
        for name, resource in written["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
    assert {f"build-{name}" for name, _ in functions} == set(" ".join(targets).split())
    for _, resource in functions:
        assert resource["Metadata"] == {"BuildMethod": "makefile"}


def test_sam_builds_here_and_may_make_roles(configuration: dict[str, Any]) -> None:
    assert configuration["build"]["parameters"]["build_in_source"] is True
    assert configuration["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_sam_local_runs_handlers_without_a_queue(local: dict[str, Any]) -> None:
    environment = environment_under_sam_local(local)
    assert environment["QUEUE_URL"] == ""
    assert environment["GL_URL"] == "https://gitlab.com"
    # SAM passes on from the shell only what is declared.
    assert "GL_ACCESS_TOKEN" in environment


def test_sam_local_has_a_secret_and_takes_the_access_token_from_the_shell(
    local: dict[str, Any],
) -> None:
    given = json.loads((ROOT / local["env_vars"]).read_text())["ReceiveFunction"]
    assert given["GL_SECRET"]
    assert "GL_ACCESS_TOKEN" not in given
    assert given.keys() <= environment_under_sam_local(local).keys()


def test_sam_local_runs_what_was_built(
    configuration: dict[str, Any], local: dict[str, Any]
) -> None:
    built = overrides(configuration["global"]["parameters"])["Architecture"]
    assert overrides(local)["Architecture"] == built


def overrides(settings: dict[str, Any]) -> dict[str, str]:
    return dict(pair.split("=") for pair in settings["parameter_overrides"].split())


def environment_under_sam_local(local: dict[str, Any]) -> dict[str, str]:
    stacks, _ = SamLocalStackProvider.get_stacks(
        str(ROOT / "template.yaml"), parameter_overrides=overrides(local)
    )
    function = SamFunctionProvider(stacks).get("ReceiveFunction")
    assert function is not None
    assert function.environment is not None
    environment: dict[str, str] = function.environment["Variables"]
    return environment
