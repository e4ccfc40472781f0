"""Entry point of the function that receives GitLab's deliveries over HTTP."""

from __future__ import annotations

from gidgetlambda.startup import imported_for_good

with imported_for_good():
    from bot import bot
    from mangum import Mangum

    app = bot.app

# Lambda has no place for a lifespan: it would run at every invocation.
lambda_handler = Mangum(app, lifespan="off")
