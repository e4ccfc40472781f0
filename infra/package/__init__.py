"""Builds the folder that Lambda unpacks to /var/task: `handler/` and its dependencies.

`folder` assembles the package, `wheels` installs the dependencies for the target platform,
`bytecode` compiles every module for Lambda's Python, and `sam` reads the records of `sam build`.
The builder needs Python 3.11 or later and only the standard library, so that it also runs under a
`sam` command outside .venv.
"""

from infra.package.bytecode import find_python
from infra.package.folder import Package, make_package
from infra.package.target import PYTHON_VERSION, Architecture, PackageError

__all__ = [
    "PYTHON_VERSION",
    "Architecture",
    "Package",
    "PackageError",
    "find_python",
    "make_package",
]
