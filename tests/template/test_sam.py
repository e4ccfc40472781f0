"""The template and samconfig.toml as the sam command reads them."""

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
from samcli.local.lambdafn.env_vars import EnvironmentVariables

from tests.template.stack import REGION, ROOT, Resource

SAM = Path(sys.executable).with_name("sam")
CONFIGURATION: dict[str, Any] = tomllib.loads((ROOT / "samconfig.toml").read_text())["default"]
LOCAL: dict[str, Any] = CONFIGURATION["local_start_api"]["parameters"]

# SAM calls deprecated functions of its own.
pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")


def test_sam_validates_and_lints_the_template() -> None:
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
    functions = {
        name: resource
        for name, resource in written["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert {f"build-{name}" for name in functions} == set(" ".join(targets).split())
    for function in functions.values():
        assert function["Metadata"] == {"BuildMethod": "makefile"}


def test_sam_builds_in_source_and_may_create_roles() -> None:
    assert CONFIGURATION["build"]["parameters"]["build_in_source"] is True
    assert CONFIGURATION["deploy"]["parameters"]["capabilities"] == "CAPABILITY_IAM"


def test_sam_local_runs_handlers_without_a_queue(local: dict[str, str]) -> None:
    assert local["QUEUE_URL"] == ""


def test_sam_local_gets_the_secrets_from_the_shell(local: dict[str, str]) -> None:
    # SAM passes only declared variables from the shell, and those that the file names.
    assert (local["GL_SECRET"], local["GL_ACCESS_TOKEN"]) == ("from the shell", "from the shell")


def test_sam_local_invents_no_secret() -> None:
    # SAM passes the name of a parameter that has no value.
    environment = environment_under_sam_local({})
    assert {environment[name] for name in ("GL_SECRET", "GL_ACCESS_TOKEN", "GL_URL")} == {""}


def test_only_sam_deploy_takes_its_stack_from_samconfig() -> None:
    # `sam deploy --guided` saves another name for itself only. Other commands must not use the old.
    named = {name for name, each in CONFIGURATION.items() if "stack_name" in each["parameters"]}
    assert named == {"deploy"}


def overrides(settings: dict[str, Any]) -> dict[str, str]:
    return dict(pair.split("=") for pair in settings["parameter_overrides"].split())


@pytest.fixture
def local() -> dict[str, str]:
    names = ("GL_SECRET", "GL_ACCESS_TOKEN", "GL_URL", "QUEUE_URL")
    return environment_under_sam_local(dict.fromkeys(names, "from the shell"))


def environment_under_sam_local(shell: dict[str, str]) -> dict[str, str]:
    """Return the variables of ReceiveFunction, as SAM computes them."""
    for command in ("local_start_api", "local_invoke"):
        assert "parameter_overrides" not in CONFIGURATION[command]["parameters"]
    stacks, _ = SamLocalStackProvider.get_stacks(
        str(ROOT / "template.yaml"),
        parameter_overrides=overrides(CONFIGURATION["global"]["parameters"]),
    )
    function = SamFunctionProvider(stacks).get("ReceiveFunction")
    assert function is not None
    assert function.environment is not None
    given = json.loads((ROOT / LOCAL["env_vars"]).read_text())["ReceiveFunction"]
    variables = EnvironmentVariables(
        variables=function.environment["Variables"],
        shell_env_values=shell,
        override_values=given,
    ).resolve()
    return dict(variables)
