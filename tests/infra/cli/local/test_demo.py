"""`gidgetlambda demo`, which succeeds only if the bot answers."""

from pathlib import Path

import pytest

from tests.infra.cli.local.conftest import WAIT_SECONDS, Start

SILENT = 'from gidgetlambda import GitLabBot\n\nbot = GitLabBot("silent")\n'
FAILING = """
from gidgetlambda import GitLabBot

bot = GitLabBot("failing")

@bot.router.register("Issue Hook")
async def fail(event, gl):
    raise RuntimeError("oh é")
"""


def test_uses_the_sandbox_whatever_the_environment_names(start: Start) -> None:
    settings = {
        "GL_URL": "http://127.0.0.1:9",
        "GL_SECRET": "other",
        "GL_ACCESS_TOKEN": "another",
        "ALL_PROXY": "socks5://proxy.example.com",
        "NO_PROXY": "[",
        "SSL_CERT_FILE": "/nowhere",
    }
    command = start("demo", **settings)
    assert command.process.wait(WAIT_SECONDS) == 0, command.output
    assert "Thanks for the report @alice!" in command.output


@pytest.mark.parametrize(
    "end",
    [
        "bot.run()",
        "bot.run(port=8080, print=None)",
        'if __name__ in ("__main__", "bot"):\n    bot.run(host="0.0.0.0", access_log=None)',
    ],
)
def test_serves_a_bot_that_ends_as_one_of_gidgetlab(start: Start, checkout: Path, end: str) -> None:
    with (checkout / "handler" / "bot.py").open("a") as bot:
        bot.write(f"\n{end}\n")
    command = start("demo")
    assert command.process.wait(WAIT_SECONDS) == 0, command.output
    assert "Thanks for the report @alice!" in command.output


@pytest.mark.parametrize(
    ("bot", "messages"),
    [
        (SILENT, ["no handlers", "The bot did not comment on the issue"]),
        (FAILING, ["RuntimeError: oh é", "The bot did not comment on the issue"]),
        ("bot =\n", ["SyntaxError", "The bot did not start: fix the error above."]),
        ("raise SystemExit('no')\n", ["SystemExit: no", "The bot did not start"]),
    ],
    ids=["silent", "failing", "not Python", "exits"],
)
def test_fails_and_prints_the_reason(
    start: Start, checkout: Path, bot: str, messages: list[str]
) -> None:
    (checkout / "handler" / "bot.py").write_text(bot)
    command = start("demo")
    assert command.process.wait(WAIT_SECONDS) == 1
    for message in messages:
        assert message in command.output
