"""Reads the processor architecture from the records of the sam command.

`sam build` passes only the folder to fill to the makefile. The architecture is in the build.toml
beside the build folder: SAM writes it before each `sam build`, and `sam build FUNCTION` keeps it.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
"""

import re
import tomllib
from pathlib import Path

from infra.package.target import Architecture, PackageError

FUNCTIONS = ("ReceiveFunction", "WorkFunction")


def architecture_of(artifacts: Path) -> Architecture:
    """Return the architecture that SAM builds a function for.

    Args:
        artifacts: The folder that SAM passes for the function.

    Raises:
        PackageError: SAM's record does not exist or does not name the function.
    """
    record = artifacts.resolve().parents[1] / "build.toml"
    text = record.read_text(encoding="utf-8") if record.exists() else ""
    for definition in tomllib.loads(text).get("function_build_definitions", {}).values():
        if artifacts.name in definition.get("functions", []):
            return Architecture(definition["architecture"])
    raise PackageError(
        f"the processor architecture is unknown: {record} does not exist or does not name "
        f"{artifacts.name}. Start the build with `make build` or `sam build`"
    )


def agree(recorded: Architecture, wanted: Architecture | None) -> Architecture:
    """Return the template's architecture if the command line asks for no other.

    Raises:
        PackageError: They differ; the function could not import its dependencies.
    """
    if wanted and wanted != recorded:
        raise PackageError(
            f"ARCHITECTURE is {wanted}, but the template's parameter Architecture is {recorded}: "
            f"run `make build ARCHITECTURE={wanted}`, which sets both"
        )
    return recorded


def deployed_architecture(samconfig: Path) -> Architecture | None:
    """Return the architecture that `sam deploy` takes from samconfig.toml, if it names one.

    What `sam deploy --guided` saved precedes what holds for every command.
    """
    if not samconfig.exists():
        return None
    default = tomllib.loads(samconfig.read_text(encoding="utf-8")).get("default", {})
    for section in ("deploy", "global"):
        overrides = default.get(section, {}).get("parameters", {}).get("parameter_overrides")
        if found := re.search(r"\bArchitecture\W+(arm64|x86_64)\b", str(overrides)):
            return Architecture(found[1])
    return None


def require_deployable(root: Path) -> None:
    """Refuse to deploy a package for another processor than the functions have.

    Args:
        root: The project, which `sam build` has built.

    Raises:
        PackageError: The architectures differ, or there is no build.
    """
    deployed = deployed_architecture(root / "samconfig.toml") or Architecture.ARM64
    for function in FUNCTIONS:
        built = architecture_of(root / ".aws-sam" / "build" / function)
        if built != deployed:
            raise PackageError(
                f"{function} is built for {built}, and samconfig.toml deploys it for {deployed}: "
                "write the same Architecture everywhere in samconfig.toml, then run `make deploy`"
            )
