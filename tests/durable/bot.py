"""A bot with handlers of several kinds, for functions in processes of their own."""

import os

from gidgetlambda import Event, GitLabAPI, GitLabBot
from gidgetlambda.consumer import Consumer
from mangum import Mangum

bot = GitLabBot("durable-bot")


@bot.router.register("Issue Hook", action="open")
async def greet(event: Event, gl: GitLabAPI) -> None:
    """Write one comment."""
    await gl.reply(event, "Hello")


@bot.router.register("Issue Hook", action="close")
async def thank(event: Event, gl: GitLabAPI) -> None:
    """Write two comments."""
    await gl.reply(event, "Thank you")
    await gl.reply(event, "Goodbye")


@bot.router.register("Issue Hook", action="reopen")
async def fail(event: Event, gl: GitLabAPI) -> None:
    """Write a comment and run into a bug, or write another one if the setting `FIXED` is there."""
    await gl.reply(event, "Welcome back")
    if not os.environ.get("FIXED"):
        raise ValueError("a bug")
    await gl.reply(event, "For good")


receive = Mangum(bot.app, lifespan="off")
work = Consumer(bot.runtime)
