"""Checks that a finished package can be imported: a function that cannot fails at each cold start.

With an interpreter of Lambda's version on the package's platform, both entry points are imported
from the package alone. Elsewhere, the imports in the source are compared with what the package
contains.
"""

import ast
import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.package.target import Architecture, PackageError

# Lambda's runtime provides these from folders that follow the package on `sys.path`.
RUNTIME_MODULES = frozenset({"awslambdaric", "boto3", "botocore"})

_ENTRY_POINTS = ("receive", "work")
_MACHINES = {Architecture.ARM64: {"aarch64", "arm64"}, Architecture.X86_64: {"x86_64", "amd64"}}
_REMEDY = (
    "A distribution that the bot needs belongs into `dependencies` of pyproject.toml; then run "
    "`make lock` and `make venv`"
)
# Runs in the package's interpreter. Modules of Lambda's runtime are stand-ins there.
_IMPORT = """
import importlib.machinery, json, sys, traceback, types
from pathlib import Path
folder, source, provided = Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
sys.path.insert(0, str(folder))
class Anything(types.ModuleType):
    __path__ = []
    def __getattr__(self, name):
        return type(name, (Exception,), {})
class Runtime:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in provided:
            return importlib.machinery.ModuleSpec(name, self)
    def create_module(self, spec):
        return Anything(spec.name)
    def exec_module(self, module):
        pass
sys.meta_path.append(Runtime())
for entry_point in sys.argv[4:]:
    try:
        importlib.import_module(entry_point)
    except BaseException as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [one for one in frames if one.filename.startswith(source)]
        where = own[-1] if own else frames[-1]
        missing = getattr(error, "name", None) if isinstance(error, ModuleNotFoundError) else None
        if isinstance(error, SyntaxError):
            where = types.SimpleNamespace(filename=error.filename, lineno=error.lineno)
        problem = [where.filename, where.lineno, type(error).__name__, str(error), missing]
        print("\\nproblem", json.dumps(problem))
        break
else:
    print("\\nimported")
"""


def require_importable(
    folder: Path, source: Path, architecture: Architecture, python: Path | None
) -> None:
    """Refuse a package whose entry points cannot be imported.

    Args:
        folder: The finished package.
        source: The folder of the functions' own modules.
        architecture: The processor architecture of the package.
        python: An interpreter of Lambda's version, if there is one.

    Raises:
        PackageError: An import fails; the message names the file, the line and the remedy.
    """
    here = sys.platform == "linux" and platform.machine().lower() in _MACHINES[architecture]
    if python and here:
        _import(folder, source, python)
    else:
        _compare(folder, source)


def _import(folder: Path, source: Path, python: Path) -> None:
    names = [name for name in _ENTRY_POINTS if (folder / f"{name}.py").exists()]
    options = ["-I", "-S", "-B", "-c", _IMPORT]  # no package of the interpreter's own
    arguments = [str(folder), str(folder), ",".join(RUNTIME_MODULES), *names]
    # Without the settings of the person who builds: they can change what the bot imports.
    done = subprocess.run(
        [str(python), *options, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={},
        stdin=subprocess.DEVNULL,
    )
    if re.search("^imported$", done.stdout, re.MULTILINE):
        return
    problem = re.search("^problem (.*)$", done.stdout, re.MULTILINE)
    if problem is None:
        raise PackageError(f"the package cannot be imported:\n{done.stderr.strip()}")
    file, line, kind, text, missing = json.loads(problem[1])
    raise _not_importable(Path(file), line, f"{kind}: {text}", folder, source, missing)


def _compare(folder: Path, source: Path) -> None:
    packaged = {re.split(r"[.]", path.name)[0] for path in folder.iterdir()}
    known = packaged | RUNTIME_MODULES | sys.stdlib_module_names
    for path in sorted(source.rglob("*.py")):
        for line, name in _imports(ast.parse(path.read_bytes(), path.name)):
            if name not in known:
                text = f"No module named {name!r}"
                raise _not_importable(path, line, text, source, source, name)


def _imports(module: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the first part of each absolute import that happens in any case."""
    for node in module.body:
        statements = node.body if isinstance(node, ast.With) else [node]
        for each in statements:
            if isinstance(each, ast.Import):
                yield from ((each.lineno, alias.name.partition(".")[0]) for alias in each.names)
            elif isinstance(each, ast.ImportFrom) and not each.level and each.module:
                yield each.lineno, each.module.partition(".")[0]


def _not_importable(
    file: Path, line: int, problem: str, root: Path, source: Path, missing: str | None
) -> PackageError:
    inside = file.relative_to(root) if file.is_relative_to(root) else file
    message = f"{source.name}/{inside.as_posix()}, line {line}: {problem}"
    return PackageError(f"{message}. {_REMEDY}" if missing else message)
