"""The names of gidgetlab's module `routing`."""

from .router import AsyncCallback, Router

__all__ = ["AsyncCallback", "Router"]
