"""What `sam build` tells the makefile that it calls, and where.

SAM names the folder to fill and nothing else. For which processor is in the build.toml that it
keeps beside its build folder, written anew before each `sam build`; `sam build FUNCTION` leaves it
as it was.
https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/building-custom-runtimes.html
"""

import re
import tomllib
from pathlib import Path

from infra.package.target import Architecture, PackageError


def architecture_of(artifacts: Path) -> Architecture:
    """Tell for which processor SAM builds the function whose folder this is.

    Raises:
        PackageError: SAM's record is not there, or does not name the function.
    """
    record = artifacts.resolve().parents[1] / "build.toml"
    try:
        text = record.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PackageError(_unknown(f"{record} does not exist")) from None
    for definition in tomllib.loads(text).get("function_build_definitions", {}).values():
        if artifacts.name in definition.get("functions", []):
            return Architecture(definition["architecture"])
    raise PackageError(_unknown(f"{record} does not name {artifacts.name}"))


def agree(recorded: Architecture, wanted: Architecture | None) -> Architecture:
    """Hold the template's parameter against what was asked for on the command line.

    Raises:
        PackageError: they differ; the function could not import its dependencies.
    """
    if wanted and wanted != recorded:
        raise PackageError(
            f"ARCHITECTURE={wanted} was asked for, and the template's parameter Architecture is "
            f"{recorded}: run `make build ARCHITECTURE={wanted}`, which sets both"
        )
    return recorded


def deployed_architecture(samconfig: Path) -> Architecture | None:
    """Tell which processor `sam deploy --guided` has noted for later deployments, if any."""
    if not samconfig.exists():
        return None
    configuration = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    deploy = configuration.get("default", {}).get("deploy", {}).get("parameters", {})
    found = re.search(r"\bArchitecture\W+(arm64|x86_64)\b", str(deploy.get("parameter_overrides")))
    return Architecture(found[1]) if found else None


def _unknown(why: str) -> str:
    return (
        f"for which processor to build is unknown: {why}. Start the build with `make build` or "
        "`sam build`"
    )
