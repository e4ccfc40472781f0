"""A bot with handlers of several kinds, for functions in processes of their own."""

import os

from gidgetlambda import Event, GitLabAPI, GitLabBot
from gidgetlambda.consumer import Consumer
from mangum import Mangum

bot = GitLabBot("durable-bot")


@bot.router.register("Issue Hook", action="open")
async def greet(event: Event, gl: GitLabAPI) -> None:
    """One comment."""
    await gl.reply(event, "Hello")


@bot.router.register("Issue Hook", action="close")
async def part(event: Event, gl: GitLabAPI) -> None:
    """Two comments."""
    await gl.reply(event, "Thank you")
    await gl.reply(event, "Goodbye")


@bot.router.register("Issue Hook", action="reopen")
async def regret(event: Event, gl: GitLabAPI) -> None:
    """A comment, and then a bug that is mended by a setting."""
    await gl.reply(event, "Welcome back")
    if not os.environ.get("MENDED"):
        raise ValueError("a bug")
    await gl.reply(event, "For good")


@bot.router.register("Push Hook")
async def one(event: Event, gl: GitLabAPI) -> None:
    """One of three for the same event."""


@bot.router.register("Push Hook")
async def two(event: Event, gl: GitLabAPI) -> None:
    """Another."""


@bot.router.register("Push Hook")
async def three(event: Event, gl: GitLabAPI) -> None:
    """And another."""


receive = Mangum(bot.app, lifespan="off")
work = Consumer(bot.runtime)
