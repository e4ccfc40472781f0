"""Entry point of the function that GitLab's deliveries reach over HTTP."""

from __future__ import annotations

from .core.startup import imported_for_good

with imported_for_good():
    from mangum import Mangum

    from .bot import bot

    app = bot.app

# Lambda has no place for a lifespan: it would run at every invocation.
lambda_handler = Mangum(app, lifespan="off")
