"""The size of the package, and the peak memory of the function under AWS's own emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.sandbox import BOT_TOKEN
from infra.sandbox.server import serve
from infra.testing.emulator import Emulator

from .events import SECRET, bodies, delivery, ignored_body, sandbox
from .packages import HELLO, RECEIVE
from .report import Goal, show

if TYPE_CHECKING:
    from infra.package import Package

    from .packages import Packages

COMMENTS = 20


def measure(packages: Packages) -> None:
    """Print the table of sizes and peak memory."""
    ours = packages.ours
    commenting = _memory_after_comments(ours)
    memory = {ours: _memory(ours, RECEIVE), packages.hello: _memory(packages.hello, HELLO)}
    names = {
        ours: f"ours, {ours.architecture}",
        packages.ours_elsewhere: f"ours, {packages.ours_elsewhere.architecture}",
        packages.hello: f"hello world, {ours.architecture}",
    }
    show(
        "(d) Size and memory in MB",
        ("package", "sources", "bytecode", "memory", "memory commenting"),
        [
            (
                name,
                f"{package.source_bytes / 1e6:.1f}",
                f"{package.bytecode_bytes / 1e6:.1f}" if package.python else "",
                f"{memory[package]:.0f}" if package in memory else "",
                f"{commenting:.0f}" if package is ours else "",
            )
            for package, name in names.items()
        ],
        notes=(
            "Sizes are unzipped, in units of 1,000,000 bytes. Memory is the process's peak (VmHWM) "
            f"after one ignored delivery, and after {COMMENTS} deliveries that were each answered "
            "with a comment."
        ),
        goals=[
            Goal("unzipped without bytecode", ours.source_bytes / 1e6, 12, " MB"),
            Goal("peak memory", commenting, 100, " MB"),
        ],
    )


def _memory(package: Package, entry_point: str) -> float:
    environ = {"GL_SECRET": SECRET, "GL_ACCESS_TOKEN": BOT_TOKEN}
    with Emulator(package.folder, entry_point, env=environ) as emulator:
        _require_success(emulator.invoke(delivery(ignored_body())))
        return emulator.peak_memory_mb


def _memory_after_comments(package: Package) -> float:
    gitlab = sandbox()
    with serve(gitlab) as url:
        environ = {"GL_SECRET": SECRET, "GL_ACCESS_TOKEN": BOT_TOKEN, "GL_URL": url}
        with Emulator(package.folder, RECEIVE, env=environ) as emulator:
            for body in bodies(gitlab)[:COMMENTS]:
                _require_success(emulator.invoke(delivery(body)))
            notes = sum(len(issue.notes) for issue in gitlab.project.issues.values())
            if notes != COMMENTS:
                raise RuntimeError(f"{COMMENTS} deliveries made {notes} comments")
            return emulator.peak_memory_mb


def _require_success(answer: dict[str, object]) -> None:
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"the function answered {answer}")
