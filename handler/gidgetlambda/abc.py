"""The names of gidgetlab's module `abc`."""

from .gitlab import GitLabAPI

__all__ = ["GitLabAPI"]
