"""The smallest FastAPI application behind Mangum: what ours is held against."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


# As in FastAPI's own first steps: an annotated answer costs FastAPI another 20 ms at start.
@app.post("/webhook")
async def hello():  # type: ignore[no-untyped-def]
    return {"hello": "world"}


lambda_handler = Mangum(app, lifespan="off")
