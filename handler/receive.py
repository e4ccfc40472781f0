"""Entry point of the function that GitLab's deliveries reach over HTTP."""

from __future__ import annotations

import logging

from mangum import Mangum

from .bot import bot

# Mangum logs a line for each request, of which the bot's own line tells more.
logging.getLogger("mangum.http").setLevel(logging.WARNING)

app = bot.app
# Lambda has no place for a lifespan: it would run at every invocation.
lambda_handler = Mangum(app, lifespan="off")
