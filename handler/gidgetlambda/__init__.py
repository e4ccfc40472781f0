"""gidgetlambda: GitLab bots as a serverless function.

These are the public names. A module that was written for gidgetlab works after
`import gidgetlambda as gidgetlab`: gidgetlab's submodules exist here under the same names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from .errors import (
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
    ResponseTooLarge,
    SettingsError,
    TryAgain,
    ValidationFailure,
)
from .event import Event
from .gitlab import GitLabAPI
from .gitlabbot import GitLabBot
from .router import Route, Router
from .version import __version__

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
    "ResponseTooLarge",
    "Route",
    "Router",
    "SettingsError",
    "TryAgain",
    "ValidationFailure",
    "__version__",
]

# gidgetlab imports these with the package; here they are imported when they are first used.
GIDGETLAB_MODULES = frozenset({"abc", "aiohttp", "exceptions", "httpx", "routing", "sansio"})


def __getattr__(name: str) -> ModuleType:
    if name in GIDGETLAB_MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
