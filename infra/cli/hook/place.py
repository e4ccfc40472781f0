"""The project or group whose hooks are meant, and what GitLab may refuse there, with the remedy.

No message holds the token, nor more of a hook's URL than its host.
"""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from gidgetlambda.errors import GitLabException, HTTPException, RateLimitExceeded
from gidgetlambda.gitlab import GitLabAPI

from ..failure import Failure

_RESENDS_SINCE = (17, 4)


@dataclass(frozen=True)
class Place:
    """The project or group whose hooks are meant.

    name: its path or its number.
    """

    name: str
    is_group: bool = False

    @property
    def hooks_path(self) -> str:
        kind = "groups" if self.is_group else "projects"
        return f"/{kind}/{quote(self.name, safe='')}/hooks"

    @property
    def role(self) -> str:
        """The role that may see its hooks."""
        return "Owner" if self.is_group else "Maintainer"

    def __str__(self) -> str:
        return f"the {'group' if self.is_group else 'project'} {self.name}"


@contextlib.asynccontextmanager
async def explained(gl: GitLabAPI, what: str, place: Place) -> AsyncIterator[None]:
    """Turn what GitLab refuses into a `Failure`.

    what: what is being done, in words that follow "could not" ("list the hooks").
    """
    try:
        yield
    except RateLimitExceeded as error:
        raise Failure(
            f"Could not {what}: GitLab takes no more requests for now ({error}). Try again later."
        ) from None
    except HTTPException as error:
        if error.status_code == httpx.codes.NOT_FOUND:
            await require_resending(gl)
        raise Failure(f"Could not {what}: {_remedy(error, place)}") from None
    except httpx.TransportError as error:
        raise Failure(
            f"Could not {what}: GitLab cannot be reached at GL_URL ({type(error).__name__}: "
            f"{error}). Check GL_URL and the network; where a certificate is the trouble, name its "
            "authority's PEM file in GL_CA_FILE."
        ) from None
    except GitLabException as error:
        raise Failure(f"Could not {what}: {error}") from None


async def require_resending(gl: GitLabAPI) -> None:
    """Raises `Failure` where GitLab tells that it is too old to send a delivery again."""
    try:
        version = str((await gl.getitem("/version"))["version"])
        major, minor = re.match(r"(\d+)\.(\d+)", version).groups()  # type: ignore[union-attr]
    except (HTTPException, httpx.TransportError, KeyError, TypeError, AttributeError):
        return
    if (int(major), int(minor)) < _RESENDS_SINCE:
        raise Failure(
            f"This GitLab is {version}, and sends deliveries again since 17.4 only. Until it is "
            "updated, each one can be sent again by hand: Settings > Webhooks > Edit > Recent "
            "events > View details > Resend request."
        )


def _remedy(error: HTTPException, place: Place) -> str:
    match int(error.status_code):
        case 401:
            return (
                f"GitLab refused GL_ACCESS_TOKEN ({error}). It is wrong, expired or revoked: make "
                "another with the scope api."
            )
        case 403:
            return (
                f"GL_ACCESS_TOKEN may not do that on {place} ({error}). Hooks are for its "
                f"{place.role}s, and the token needs the scope api: use such a token, the bot's "
                "own need not be one."
            )
        case 404:
            return (
                f"GitLab shows {place} to nobody with this GL_ACCESS_TOKEN, or has none (404). "
                f"Check the path and GL_URL; hooks are for {place.role}s of it"
                + (" and need GitLab Premium." if place.is_group else ".")
            )
        case status if 300 <= status < 400:
            return f"{place} has another address now ({error}). Use its new path."
    return f"GitLab answered {int(error.status_code)}: {error}"
