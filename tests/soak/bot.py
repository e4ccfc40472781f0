"""The bot of the soak: one plugin, and one handler for each way in which a handler can fail.

GitLab and the queue hang in real time, so the bot's time limits are a tenth of those in Lambda.
Nothing else of the framework is changed. The queue's delays are skipped by its clock.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from gidgetlambda import GitLabBot, TryAgain, sender, sqs
from gidgetlambda.consumer import Consumer
from gidgetlambda.plugins import welcome
from mangum import Mangum

if TYPE_CHECKING:
    from gidgetlambda import Event, GitLabAPI

SCALE = 10.0
FIXED = Path(os.environ.get("SOAK_FIXED", "never"))

sender.CONNECT_TIMEOUT = 3.0 / SCALE
sender.PATIENCE, sender.FIRST_PAUSE = 5.0 / SCALE, 0.5 / SCALE
sqs.TIMEOUT, sqs.FIRST_PAUSE = httpx.Timeout(2.0 / SCALE), 0.2 / SCALE

bot = GitLabBot("soak-bot", request_timeout=7.0 / SCALE)
bot.register_routers(welcome.router)


@bot.router.register("Issue Hook", action="open", title=re.compile("^twice"))
async def twice(event: Event, gl: GitLabAPI) -> None:
    """Post two replies."""
    await gl.reply(event, "one")
    await gl.reply(event, "two")


@bot.router.register("Issue Hook", action="open", title=re.compile("^wavering"))
async def wavering(event: Event, gl: GitLabAPI) -> None:
    """Ask for some retries."""
    if random.random() < 0.6:
        raise TryAgain(after=random.choice([5, 60, 1800]))
    await gl.reply(event, "at last")


@bot.router.register("Issue Hook", action="open", title=re.compile("^branching"))
async def branching(event: Event, gl: GitLabAPI) -> None:
    """Take another branch on the second try."""
    async for note in gl.getiter(f"{event.target_path}/notes"):
        if note["body"].startswith("preparing"):
            await gl.reply(event, "prepared", key="prepared")
            return
    await gl.reply(event, "preparing", key="preparing")
    raise TryAgain(after=30)


@bot.router.register("Issue Hook", action="open", title=re.compile("^buggy"))
async def buggy(event: Event, gl: GitLabAPI) -> None:
    """Fail half-way until its bug is fixed, and take another branch at the replay."""
    if FIXED.exists():  # noqa: ASYNC240 - takes microseconds
        await gl.reply(event, "ended")
        return
    await gl.reply(event, "begun")
    raise ValueError("a bug")


@bot.router.register("Issue Hook", action="open", title=re.compile("^hopeless"))
async def hopeless(event: Event, gl: GitLabAPI) -> None:
    """Comment on an issue that does not exist."""
    await gl.comment(f"/projects/{event.project_id}/issues/999999999", "never")


receive = Mangum(bot.app, lifespan="off")
work = Consumer(bot.runtime)
