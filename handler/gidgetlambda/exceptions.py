"""The names of gidgetlab's module `exceptions`."""

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
    QueryError,
    RateLimitExceeded,
    RedirectionException,
    ValidationFailure,
)

__all__ = [
    "BadGraphQLRequest",
    "BadRequest",
    "GitLabBroken",
    "GitLabException",
    "GraphQLAuthorizationFailure",
    "GraphQLException",
    "GraphQLResponseTypeError",
    "HTTPException",
    "InvalidField",
    "QueryError",
    "RateLimitExceeded",
    "RedirectionException",
    "ValidationFailure",
]
