"""The content of a new sandbox. Pass a function like `demo` as `Sandbox(seed=…)` to change it.

The tokens are plain words, so that nobody mistakes them for real ones.
"""

from .state import DEVELOPER, GUEST, MAINTAINER, OWNER, Instance, Snippet, Token

PROJECT = "demo/playground"
BOT = "playground-bot"
ROOT_TOKEN = "sandbox-root-token"
ALICE_TOKEN = "sandbox-alice-token"
BOB_TOKEN = "sandbox-bob-token"
BOT_TOKEN = "sandbox-bot-token"
BOT_READ_TOKEN = "sandbox-bot-read-token"
EXPIRED_TOKEN = "sandbox-expired-token"


def demo(instance: Instance) -> None:
    """Add a private project with an owner, a maintainer, a guest and a bot."""
    root = instance.add_user("root", name="Administrator", admin=True)
    alice = instance.add_user("alice", name="Alice")
    bob = instance.add_user("bob", name="Bob")
    bot = instance.add_user(BOT, name="Playground bot", bot=True)
    instance.tokens |= {
        ROOT_TOKEN: Token(user=root),
        ALICE_TOKEN: Token(user=alice),
        BOB_TOKEN: Token(user=bob),
        BOT_TOKEN: Token(user=bot),
        BOT_READ_TOKEN: Token(user=bot, scopes=frozenset({"read_api"})),
        EXPIRED_TOKEN: Token(user=bot, expired=True),
    }

    project = instance.add_project(PROJECT, name="Playground")
    project.description = "`make run` prints commands that open issues here."
    project.members = {root.id: OWNER, alice.id: MAINTAINER, bob.id: GUEST, bot.id: DEVELOPER}
    instance.add_label(project, "bug", color="#d9534f")
    instance.add_label(project, "docs", color="#0033cc")
    instance.add_commit(
        project, "main", "Add a README", author=root, changes={"README.md": "# Playground\n"}
    )
    snippet = instance.create(
        Snippet,
        project=project,
        title="A greeting",
        file_name="greeting.py",
        content='print("Hello")\n',
        author=alice,
    )
    project.snippets[snippet.id] = snippet
