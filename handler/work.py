"""Entry point of the function that runs queued tasks. It cannot be reached from outside."""

from __future__ import annotations

from gidgetlambda.startup import imported_for_good

with imported_for_good():
    from bot import bot
    from gidgetlambda.consumer import Consumer

lambda_handler = Consumer(bot.runtime)
