"""A sandbox GitLab in memory, spoken to over HTTP: REST, signed webhooks, pages to look at.

    from infra.sandbox import Sandbox
    from infra.sandbox.server import serve

    sandbox = Sandbox()
    with serve(sandbox) as url:
        sandbox.add_hook("http://127.0.0.1:8080/webhook", token="secret")
        issue = sandbox.open_issue("It does not start", by="alice")
        sandbox.wait_for(lambda: issue.notes, what="a comment")

It keeps to what bots call and see, and does that as GitLab does; git, CI, groups and file
contents are not there.
"""

from .issuables import Edit
from .sandbox import Sandbox
from .seed import ALICE_TOKEN, BOB_TOKEN, BOT, BOT_READ_TOKEN, BOT_TOKEN, PROJECT, ROOT_TOKEN

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
