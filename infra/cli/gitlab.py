"""GitLab as the commands reach it: by the environment's URL and token."""

import contextlib
import os
from collections.abc import AsyncIterator

import httpx
from gidgetlambda.errors import SettingsError
from gidgetlambda.gitlab import GitLabAPI
from gidgetlambda.settings import WorkSettings
from gidgetlambda.tls import trust

from .failure import Failure

# GitLab waits 10 s for an endpoint before it answers a resend.
_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[GitLabAPI]:
    """GitLab's API by `GL_URL`, `GL_ACCESS_TOKEN` and `GL_CA_FILE`. Raises `Failure`."""
    try:
        settings = WorkSettings.from_env(os.environ)
        verify = trust(settings.ca_file)
    except SettingsError as error:
        raise Failure(f"GitLab cannot be asked: {error}.") from None
    async with httpx.AsyncClient(verify=verify, timeout=_TIMEOUT) as client:
        yield GitLabAPI(
            client, "gidgetlambda", access_token=settings.access_token, url=settings.url
        )
