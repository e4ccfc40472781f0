"""The sample events of infra/events, which docs/operating.md sends to `sam local`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from gidgetlambda import GitLabBot
from gidgetlambda.consumer import Consumer
from gidgetlambda.plugins import welcome
from mangum import Mangum

from infra.sandbox import BOT_TOKEN, Sandbox

EVENTS = Path(__file__).parents[2] / "infra" / "events"


@pytest.fixture
def bot(sandbox: Sandbox, bare_environment: None) -> GitLabBot:
    bot = GitLabBot("tester", secret="secret-of-the-event", access_token=BOT_TOKEN, url=sandbox.url)
    bot.register_routers(welcome.router)
    sandbox.open_issue("The kettle does not boil")
    return bot


def sample(name: str) -> Any:
    return json.loads((EVENTS / name).read_text())


def test_the_delivery_runs_the_handlers(
    bot: GitLabBot, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    context: Any = None
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        answer = Mangum(bot.app, lifespan="off")(sample("delivery.json"), context)
        runner.run(bot.aclose())
    asyncio.set_event_loop(None)
    assert json.loads(answer["body"])["status"] == "done"
    assert len(sandbox.project.issues[1].notes) == 1
    assert json.loads(sample("delivery.json")["body"]) == sample("issue.json")
    # The access log of the API contains the same ID.
    (line,) = [record for record in caplog.records if record.getMessage() == "delivery"]
    assert vars(line)["request"] == sample("delivery.json")["requestContext"]["requestId"]


def test_the_task_runs_its_handler(bot: GitLabBot, sandbox: Sandbox) -> None:
    consumer = Consumer(bot.runtime)
    assert consumer(sample("task.json"), None) == {"batchItemFailures": []}
    consumer.close()
    assert len(sandbox.project.issues[1].notes) == 1
