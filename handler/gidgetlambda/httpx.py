"""The names of gidgetlab's module `httpx`."""

from .gitlab import GitLabAPI

__all__ = ["GitLabAPI"]
