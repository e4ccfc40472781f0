"""The platform that a package is built for, in the terms of template.yaml."""

from enum import StrEnum

PYTHON_VERSION = "3.13"  # Lambda's minor version of Python
TASK_ROOT = "/var/task"  # where Lambda unpacks the package


class Architecture(StrEnum):
    """A processor architecture that Lambda offers, by its name in a template."""

    ARM64 = "arm64"
    X86_64 = "x86_64"


class PackageError(Exception):
    """The package cannot be built; the message says why and what to do."""
