"""The platform that a package is made for, as template.yaml names it."""

from enum import StrEnum

PYTHON_VERSION = "3.13"
"""Lambda's minor version of Python."""

TASK_ROOT = "/var/task"
"""Where Lambda unpacks the package."""


class Architecture(StrEnum):
    """A processor that Lambda offers, by its name in a template."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class PackageError(Exception):
    """The package could not be made; the message says what was wrong and what to do."""
