"""The smallest FastAPI application behind Mangum, which the bot is compared with."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


# As in FastAPI's tutorial: an annotated return type costs FastAPI another 20 ms at start.
@app.post("/webhook")
async def hello():  # type: ignore[no-untyped-def]
    return {"hello": "world"}


lambda_handler = Mangum(app, lifespan="off")
