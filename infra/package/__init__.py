"""Makes the folder that Lambda unpacks to /var/task: `handler/` and what it imports, nothing else.

`folder` tells the story; `wheels` has pip fetch the dependencies for the target platform,
`bytecode` compiles them for Lambda's Python, `sam` knows how `sam build` calls. Any Python from
3.11 on runs it, with the standard library alone: the `sam` command may live anywhere, and .venv
need not exist.
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
