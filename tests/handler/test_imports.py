"""The structure of the framework: its import graph, and the effects of an import."""

import ast
import graphlib
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import gidgetlambda
import pytest

from tests.handler.processes import run_python

PACKAGE = Path(gidgetlambda.__file__).parent
PLUGINS = "gidgetlambda.plugins"

WITHOUT_IO = {
    *("delivery", "errors", "event", "markdown", "markers", "outcome", "rate_limit"),
    *("registration", "response", "retries", "router", "router_settings", "task"),
    *("decoding", "event_types", "proxies", "quoting", "redactor"),
}
DOING_IO = {
    *("asyncio", "httpx", "logging", "os", "pathlib.Path", "random", "socket", "ssl"),
    *("subprocess", "time", "urllib.request"),
}
SHIPPED = {"certifi", "fastapi", "httpcore", "httpx", "mangum", "starlette"}
# Not in the package: installed on the developer's machine.
INSTALLED = {"gidgetlambda.gitlabbot": {"uvicorn"}}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(path): ast.parse(path.read_text()) for path in PACKAGE.rglob("*.py")}
FRAMEWORK = [module for module in MODULES if not module.startswith(PLUGINS)]


def nodes(tree: ast.AST, *, type_checking: bool = False) -> Iterator[ast.AST]:
    """Yield all nodes of a module, with or without those that only type checkers read."""
    for node in ast.iter_child_nodes(tree):
        skipped = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if type_checking or not skipped:
            yield node
            yield from nodes(node, type_checking=type_checking)


def imports(module: str, *, type_checking: bool = False) -> Iterator[str]:
    """Yield the full names that a module imports: `json`, `gidgetlambda.event.Event`."""
    package = module if module in ("gidgetlambda", PLUGINS) else module.rpartition(".")[0]
    for node in nodes(MODULES[module], type_checking=type_checking):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def own_imports(module: str, *, type_checking: bool = False) -> set[str]:
    """Return the modules of the framework that a module imports."""
    return {
        name if name in MODULES else name.rpartition(".")[0]
        for name in imports(module, type_checking=type_checking)
        if name.partition(".")[0] == "gidgetlambda"
    }


def test_no_imports_are_circular() -> None:
    graph = {module: own_imports(module, type_checking=True) for module in MODULES}
    graphlib.TopologicalSorter(graph).prepare()


def test_modules_import_only_packages_that_ship() -> None:
    for module in MODULES:
        known = {"gidgetlambda", *SHIPPED, *INSTALLED.get(module, ()), *sys.stdlib_module_names}
        names = {name.partition(".")[0] for name in imports(module, type_checking=True)}
        assert names <= known, module


def test_the_framework_imports_no_plugin_and_itself_relatively() -> None:
    for module in FRAMEWORK:
        assert not any(name.startswith(PLUGINS) for name in imports(module)), module
        sources = [n.module for n in nodes(MODULES[module]) if isinstance(n, ast.ImportFrom)]
        assert not any(f"{source}.".startswith("gidgetlambda.") for source in sources), module


def test_plugins_import_public_names_only() -> None:
    public = {f"gidgetlambda.{name}" for name in gidgetlambda.__all__}
    for module in MODULES.keys() - set(FRAMEWORK):
        own = {name for name in imports(module) if name.partition(".")[0] == "gidgetlambda"}
        assert own <= public, module


def test_modules_without_io_import_nothing_that_does_io() -> None:
    for module in (f"gidgetlambda.{name}" for name in WITHOUT_IO):
        names = {f"{name}." for name in imports(module)}
        doing = {one for one in DOING_IO if any(name.startswith(f"{one}.") for name in names)}
        assert doing <= ({"httpx"} if module == "gidgetlambda.retries" else set()), module
        assert {name.rpartition(".")[2] for name in own_imports(module)} <= WITHOUT_IO, module


def attributes(module: str) -> set[str]:
    """Return the full names of the attributes that a module reads: `os.environ`."""
    found = nodes(MODULES[module], type_checking=True)
    return {ast.unparse(node) for node in found if isinstance(node, ast.Attribute)}


def test_only_settings_reads_the_environment() -> None:
    ways = {"os.environ", "os.environb", "os.getenv"}
    readers = {module for module in MODULES if ways & (attributes(module) | {*imports(module)})}
    assert readers == {"gidgetlambda.settings"}


# In a separate process


def test_a_bot_imports_no_server_and_no_aws_library() -> None:
    code = "import sys, json, bot; print(json.dumps(list(sys.modules)))"
    imported = {name.partition(".")[0] for name in json.loads(run_python(code))}
    assert "httpx" in imported
    assert not imported & {"fastapi", "starlette", "pydantic", "mangum", "uvicorn"}
    assert not imported & {"boto3", "botocore", "infra"}


MALFORMED = {
    "GL_SECRET": "a\nb",
    "GL_SECRET_PREVIOUS": "\x01",
    "GL_SIGNING_TOKEN": "whsec_???",
    "GL_ACCESS_TOKEN": "é é",
    "GL_URL": "http://[",
    "GL_IGNORE_SELF": "perhaps",
    "GL_CA_FILE": "/nowhere/ca.pem",
    "LOG_LEVEL": "loudest",
    "QUEUE_URL": "nonsense",
}


@pytest.mark.parametrize("environ", [{}, MALFORMED], ids=["no settings", "malformed settings"])
def test_importing_never_fails(environ: dict[str, str]) -> None:
    code = f"import {', '.join(sorted(MODULES))}, bot, receive, work; print('imported')"
    assert run_python(code, **environ) == "imported\n"
