"""Entry point of the function that works on queued tasks; it has no way in from outside."""

from __future__ import annotations

from .core.startup import imported_for_good

with imported_for_good():
    from .bot import bot
    from .core.consumer import Consumer

lambda_handler = Consumer(bot)
