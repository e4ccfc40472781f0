"""The connection to the GitLab that the environment names, and GitLab's errors as messages."""

import contextlib
import math
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx
from gidgetlambda.errors import GitLabException, HTTPException, RateLimitExceeded, SettingsError
from gidgetlambda.gitlab import GitLabAPI
from gidgetlambda.runtime import transport_to
from gidgetlambda.settings import WorkSettings

from .console import Failure

# GitLab answers a resend after the endpoint does, or after 10 s.
_TIMEOUT = 30.0  # seconds
_NEW_TOKEN = "Create a token with the scope api, and set GL_ACCESS_TOKEN to it."
CHECK_URL = "Set GL_URL to GitLab's base URL, with its sub-path and without /api/v4."


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[GitLabAPI]:
    """Connect to the API at `GL_URL`, with `GL_ACCESS_TOKEN` and `GL_CA_FILE`."""
    try:
        settings = WorkSettings.from_env()
    except SettingsError as error:
        raise Failure(f"Could not connect to GitLab: {error}.") from None
    async with transport_to(settings.url, settings.connections) as transport:
        gitlab = GitLabAPI(
            transport, "gidgetlambda", access_token=settings.access_token, url=settings.url
        )
        gitlab.limit_time(_TIMEOUT, math.inf)
        yield gitlab


@contextlib.contextmanager
def explained(action: str, remedies: Mapping[int, str]) -> Iterator[None]:
    """Turn GitLab's errors into a `Failure`, whose message never contains the token.

    Args:
        action: Follows "could not" in the message ("list the hooks").
        remedies: Sentences for HTTP statuses that have a specific cause.
    """
    try:
        yield
    except httpx.TransportError as error:
        raise Failure(
            f"Could not {action}: GitLab cannot be reached at GL_URL ({type(error).__name__}: "
            f"{error}). Check GL_URL and the network; if a certificate is not trusted, name its "
            "authority's PEM file in GL_CA_FILE."
        ) from None
    except RateLimitExceeded as error:
        raise Failure(
            f"Could not {action}: GitLab accepts no more requests for now ({error}). Try again "
            "later."
        ) from None
    except HTTPException as error:
        status = int(error.status_code)
        remedy = {401: _NEW_TOKEN, **remedies}.get(status, CHECK_URL)
        answer = str(error).removeprefix(f"{status} ")[:200]
        raise Failure(
            f"Could not {action}: GitLab answered {status} ({answer}). {remedy}"
        ) from None
    except GitLabException as error:
        raise Failure(f"Could not {action}: {error}") from None
