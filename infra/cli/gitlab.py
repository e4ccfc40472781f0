"""The connection to the GitLab that the environment names."""

import contextlib
from collections.abc import AsyncIterator

import httpx
from gidgetlambda.errors import SettingsError
from gidgetlambda.gitlab import GitLabAPI
from gidgetlambda.settings import WorkSettings

from .failure import Failure

# GitLab answers a resend after the endpoint does, or after 10 s.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[GitLabAPI]:
    """GitLab's API at `GL_URL`, with `GL_ACCESS_TOKEN` and `GL_CA_FILE`."""
    try:
        settings = WorkSettings.from_env()
    except SettingsError as error:
        raise Failure(f"Could not connect to GitLab: {error}.") from None
    async with httpx.AsyncClient(verify=settings.ssl_context, timeout=_TIMEOUT) as client:
        yield GitLabAPI(
            client, "gidgetlambda", access_token=settings.access_token, url=settings.url
        )
