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


def test_sam_local_runs_handlers_without_a_queue() -> None:
    environment = environment_under_sam_local()
    assert environment["QUEUE_URL"] == ""
    assert environment["GL_URL"] == "https://gitlab.com"
    # SAM passes only declared variables from the shell.
    assert "GL_ACCESS_TOKEN" in environment


def test_sam_local_gets_the_secrets_from_the_shell() -> None:
    given = json.loads((ROOT / LOCAL["env_vars"]).read_text())["ReceiveFunction"]
    assert not {"GL_SECRET", "GL_SIGNING_TOKEN", "GL_ACCESS_TOKEN"} & given.keys()
    assert {"GL_SECRET", "GL_ACCESS_TOKEN"} <= environment_under_sam_local().keys()
    assert given.keys() <= environment_under_sam_local().keys()


def test_the_architecture_stands_in_one_place_and_is_the_templates(written: Resource) -> None:
    default = written["Parameters"]["Architecture"]["Default"]
    assert overrides(CONFIGURATION["global"]["parameters"]) == {"Architecture": default}
    assert (ROOT / "samconfig.toml").read_text().count("Architecture=") == 1


def test_only_sam_deploy_takes_its_stack_from_samconfig() -> None:
    # `sam deploy --guided` saves another name for itself only. Other commands must not use the old.
    named = {name for name, each in CONFIGURATION.items() if "stack_name" in each["parameters"]}
    assert named == {"deploy"}


def overrides(settings: dict[str, Any]) -> dict[str, str]:
    return dict(pair.split("=") for pair in settings["parameter_overrides"].split())


def environment_under_sam_local() -> dict[str, str]:
    stacks, _ = SamLocalStackProvider.get_stacks(
        str(ROOT / "template.yaml"), parameter_overrides=overrides(LOCAL)
    )
    function = SamFunctionProvider(stacks).get("ReceiveFunction")
    assert function is not None
    assert function.environment is not None
    environment: dict[str, str] = function.environment["Variables"]
    return environment
