"""The bot under soak: the deployment's own handler, and handlers that make trouble of each kind.

GitLab's silences are real, so the patience with them is a tenth of what it is in Lambda; nothing
else of `handler` is changed. Longer delays are the queue's, whose clock the soak moves.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from gidgetlambda import GitLabBot, TryAgain, gitlab, gitlabbot, sqs
from gidgetlambda.consumer import Consumer
from gidgetlambda.plugins import welcome
from mangum import Mangum

if TYPE_CHECKING:
    from gidgetlambda import Event, GitLabAPI

SCALE = 10.0
MENDED = Path(os.environ.get("SOAK_MENDED", "never"))

gitlabbot.TIMEOUT = httpx.Timeout(7.0 / SCALE, connect=3.0 / SCALE)
gitlab.PATIENCE, gitlab.FIRST_PAUSE = 5.0 / SCALE, 0.5 / SCALE
sqs.TIMEOUT, sqs.FIRST_PAUSE = httpx.Timeout(2.0 / SCALE), 0.2 / SCALE

bot = GitLabBot("soak-bot")
bot.register_routers(welcome.router)


@bot.router.register("Issue Hook", action="open", title=re.compile("^twice"))
async def twice(event: Event, gl: GitLabAPI) -> None:
    """Two replies stay two."""
    await gl.reply(event, "one")
    await gl.reply(event, "two")


@bot.router.register("Issue Hook", action="open", title=re.compile("^wavering"))
async def wavering(event: Event, gl: GitLabAPI) -> None:
    """Asks to be run again, some times."""
    if random.random() < 0.6:
        raise TryAgain(after=random.choice([5, 60, 1800]))
    await gl.reply(event, "at last")


@bot.router.register("Issue Hook", action="open", title=re.compile("^buggy"))
async def buggy(event: Event, gl: GitLabAPI) -> None:
    """Fails half-way until it is mended, and has to be replayed then."""
    await gl.reply(event, "begun")
    if not MENDED.exists():  # noqa: ASYNC240 - a moment
        raise ValueError("a bug")
    await gl.reply(event, "ended")


@bot.router.register("Issue Hook", action="open", title=re.compile("^hopeless"))
async def hopeless(event: Event, gl: GitLabAPI) -> None:
    """Comments on what is not there."""
    await gl.comment(f"/projects/{event.project_id}/issues/999999999", "never")


receive = Mangum(bot.app, lifespan="off")
work = Consumer(bot.runtime)
