"""The smallest FastAPI application behind Mangum: what our start-up and answers are held against."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.post("/webhook")
async def hello() -> dict[str, str]:
    return {"hello": "world"}


lambda_handler = Mangum(app, lifespan="off")
