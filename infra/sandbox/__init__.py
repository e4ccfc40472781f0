"""A sandbox GitLab in memory, served over HTTP: REST API, signed webhooks, HTML pages.

    from infra.sandbox import Sandbox
    from infra.sandbox.server import serve

    sandbox = Sandbox()
    with serve(sandbox) as url:
        sandbox.add_hook("http://127.0.0.1:8080/webhook", token="secret")
        issue = sandbox.open_issue("It does not start", by="alice")
        sandbox.wait_for(lambda: issue.notes, what="a comment")

It implements the part of GitLab that bots call, and the webhooks that they receive. It has no
Git, CI, groups or file contents.
"""

from .sandbox import Sandbox
from .seed import ALICE_TOKEN, BOB_TOKEN, BOT, BOT_READ_TOKEN, BOT_TOKEN, PROJECT, ROOT_TOKEN
from .state import Edit

__all__ = [
    "ALICE_TOKEN",
    "BOB_TOKEN",
    "BOT",
    "BOT_READ_TOKEN",
    "BOT_TOKEN",
    "PROJECT",
    "ROOT_TOKEN",
    "Edit",
    "Sandbox",
]
