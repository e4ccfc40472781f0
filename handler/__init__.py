"""gidgetlambda: GitLab bots as a serverless function.

These are the public names. `import handler as gidgetlab` serves a module that was written for
gidgetlab: its submodules are here under the names that they have there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from . import sansio
from .core import __version__
from .core import errors as exceptions
from .core import router as routing
from .core.errors import (
    BadGraphQLRequest,
    BadRequest,
    GitLabBroken,
    GitLabException,
    GraphQLAuthorizationFailure,
    GraphQLException,
    GraphQLResponseTypeError,
    HTTPException,
    InvalidField,
    NoTarget,
    QueryError,
    RateLimitExceeded,
    RedirectionException,
    SettingsError,
    TryAgain,
    ValidationFailure,
)
from .core.event import Event
from .core.gitlab import GitLabAPI
from .core.gitlabbot import GitLabBot
from .core.router import Route, Router

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "BadGraphQLRequest",
    "BadRequest",
    "Event",
    "GitLabAPI",
    "GitLabBot",
    "GitLabBroken",
    "GitLabException",
    "GraphQLAuthorizationFailure",
    "GraphQLException",
    "GraphQLResponseTypeError",
    "HTTPException",
    "InvalidField",
    "NoTarget",
    "QueryError",
    "RateLimitExceeded",
    "RedirectionException",
    "Route",
    "Router",
    "SettingsError",
    "TryAgain",
    "ValidationFailure",
    "__version__",
    "exceptions",
    "routing",
    "sansio",
]

# gidgetlab has one module per HTTP library; here they are the same two.
GIDGETLAB_MODULES = {"abc": "gitlab", "aiohttp": "gitlabbot", "httpx": "gitlab"}


def __getattr__(name: str) -> ModuleType:
    if name in GIDGETLAB_MODULES:
        return importlib.import_module(f".core.{GIDGETLAB_MODULES[name]}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
