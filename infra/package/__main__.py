"""Command line of the package builder: `python -m infra.package folder|sam|authorities`.

It uses argparse, because it must run under any Python without installed packages.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from infra.package import authorities
from infra.package.bytecode import how_to_get_it
from infra.package.folder import ROOT, Package, make_package
from infra.package.sam import agree, architecture_of, deployed_architecture
from infra.package.target import Architecture, PackageError
from infra.package.wheels import install_wheels


def main() -> int:
    """Build one package and print a summary, or do one of the steps around a build."""
    arguments = _parse()
    try:
        if arguments.command == "authorities":
            _list_authorities()
            return 0
        package = make_package(
            arguments.into, _architecture(arguments), bytecode=not arguments.no_bytecode
        )
    except PackageError as error:
        print(f"The package was not built: {error}", file=sys.stderr)
        return 1
    print(_summary(package, wanted_bytecode=not arguments.no_bytecode))
    if arguments.command == "sam":
        _warn_of_deployment(package.architecture)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m infra.package", description="Build the Lambda package."
    )
    parser.add_argument("--no-bytecode", action="store_true", help="do not compile")
    commands = parser.add_subparsers(dest="command", required=True)
    folder = commands.add_parser("folder", help="build it in any folder")
    folder.add_argument("into", type=Path)
    folder.add_argument("architecture", type=Architecture, choices=list(Architecture))
    sam = commands.add_parser("sam", help="build it for `sam build`")
    sam.add_argument("into", type=Path, help="SAM's ARTIFACTS_DIR")
    sam.add_argument("architecture", type=Architecture, choices=list(Architecture), nargs="?")
    commands.add_parser("authorities", help="list those of the locked certifi, for `make lock`")
    return parser.parse_args()


def _list_authorities() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        installed = Path(scratch, "installed")
        install_wheels(
            ROOT / "requirements.txt", Architecture.ARM64, installed, ROOT / "build" / "pip"
        )
        authorities.write_list(installed / authorities.CERTIFI)


def _architecture(arguments: argparse.Namespace) -> Architecture:
    wanted: Architecture | None = arguments.architecture
    if arguments.command == "sam":
        return agree(architecture_of(arguments.into), wanted)
    assert wanted is not None
    return wanted


def _warn_of_deployment(built: Architecture) -> None:
    # The pipeline passes its own parameters.
    in_pipeline = os.environ.get("PARAMETER_Architecture")  # noqa: SIM112 - the parameter's name
    deployed = in_pipeline or deployed_architecture(ROOT / "samconfig.toml")
    if deployed and deployed != built:
        source = "PARAMETER_Architecture" if in_pipeline else "samconfig.toml"
        print(
            f"DO NOT DEPLOY: {source} deploys for {deployed}, but this package is for "
            f"{built}. To deploy it, set Architecture to the same value everywhere there."
        )


def _summary(package: Package, *, wanted_bytecode: bool) -> str:
    source, bytecode = package.source_bytes / 1e6, package.bytecode_bytes / 1e6
    sizes = (
        f"Package for {package.architecture}: {source:.1f} MB without bytecode, "
        f"{bytecode:.1f} MB of bytecode, sha256 {package.digest[:16]}."
    )
    if package.python:
        return f"{sizes} Bytecode by Python {package.python}."
    if not wanted_bytecode:
        return sizes
    return (
        f"{sizes}\nNO BYTECODE: the function works, but it compiles every module at each cold "
        f"start, which takes about twice as long. {how_to_get_it()}"
    )


if __name__ == "__main__":
    sys.exit(main())
