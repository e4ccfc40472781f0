"""Command line of the package builder: `python -m infra.package folder|sam`.

It stands on argparse, since it has to run under any Python with nothing installed.
"""

import argparse
import sys
from pathlib import Path

from infra.package.bytecode import how_to_get_it
from infra.package.folder import ROOT, Package, make_package
from infra.package.sam import agree, architecture_of, deployed_architecture
from infra.package.target import Architecture, PackageError


def main() -> int:
    """Make one package and say what it is."""
    arguments = _parse()
    try:
        package = make_package(
            arguments.into, _architecture(arguments), bytecode=not arguments.no_bytecode
        )
    except PackageError as error:
        print(f"The package was not made: {error}", file=sys.stderr)
        return 1
    print(_summary(package, wanted_bytecode=not arguments.no_bytecode))
    if arguments.command == "sam":
        _warn_of_deployment(package.architecture)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.package", description="Make the Lambda package."
    )
    parser.add_argument("--no-bytecode", action="store_true", help="do not compile")
    commands = parser.add_subparsers(dest="command", required=True)
    folder = commands.add_parser("folder", help="make it in a folder of one's own")
    folder.add_argument("into", type=Path)
    folder.add_argument("architecture", type=Architecture, choices=list(Architecture))
    sam = commands.add_parser("sam", help="make it for `sam build`")
    sam.add_argument("into", type=Path, help="SAM's ARTIFACTS_DIR")
    sam.add_argument("architecture", type=Architecture, choices=list(Architecture), nargs="?")
    return parser.parse_args()


def _architecture(arguments: argparse.Namespace) -> Architecture:
    wanted: Architecture | None = arguments.architecture
    if arguments.command == "sam":
        return agree(architecture_of(arguments.into), wanted)
    assert wanted is not None
    return wanted


def _warn_of_deployment(built: Architecture) -> None:
    deployed = deployed_architecture(ROOT / "samconfig.toml")
    if deployed and deployed != built:
        print(
            f"NOT FOR DEPLOYMENT: samconfig.toml deploys for {deployed}, and this package is for "
            f"{built}. Set Architecture to the same in both places there to deploy it."
        )


def _summary(package: Package, *, wanted_bytecode: bool) -> str:
    source, bytecode = package.source_bytes / 1e6, package.bytecode_bytes / 1e6
    made = (
        f"Package for {package.architecture}: {source:.1f} MB without byte code, "
        f"{bytecode:.1f} MB of byte code, sha256 {package.digest[:16]}."
    )
    if package.python:
        return f"{made} Byte code by Python {package.python}."
    if not wanted_bytecode:
        return made
    return (
        f"{made}\nNO BYTE CODE: the function works, but compiles every module at each cold start, "
        f"which about doubles it. {how_to_get_it()}"
    )


if __name__ == "__main__":
    sys.exit(main())
