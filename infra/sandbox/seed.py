"""The content of a new sandbox. Pass another function like `demo` as `Sandbox(seed=...)`.

The tokens are plain words on purpose, so that nobody mistakes them for real ones.
"""

from .state import DEVELOPER, GUEST, MAINTAINER, OWNER, Instance, Snippet

PROJECT = "demo/playground"
BOT = "playground-bot"
ROOT_TOKEN = "sandbox-root-token"
ALICE_TOKEN = "sandbox-alice-token"
BOB_TOKEN = "sandbox-bob-token"
BOT_TOKEN = "sandbox-bot-token"
BOT_READ_TOKEN = "sandbox-bot-read-token"
EXPIRED_TOKEN = "sandbox-expired-token"


def demo(instance: Instance) -> None:
    """One private project with an owner, a maintainer, a guest and a bot."""
    root = instance.add_user("root", name="Administrator", admin=True)
    alice = instance.add_user("alice", name="Alice")
    bob = instance.add_user("bob", name="Bob")
    bot = instance.add_user(BOT, name="Playground bot", bot=True)
    instance.add_token(ROOT_TOKEN, root)
    instance.add_token(ALICE_TOKEN, alice)
    instance.add_token(BOB_TOKEN, bob)
    instance.add_token(BOT_TOKEN, bot)
    instance.add_token(BOT_READ_TOKEN, bot, scopes=frozenset({"read_api"}))
    instance.add_token(EXPIRED_TOKEN, bot, expired=True)

    project = instance.add_project(PROJECT, name="Playground")
    project.description = "Open issues here to see what the bot does."
    project.members = {root.id: OWNER, alice.id: MAINTAINER, bob.id: GUEST, bot.id: DEVELOPER}
    instance.add_label(project, "bug", color="#d9534f")
    instance.add_label(project, "docs", color="#0033cc")
    instance.add_commit(project, "main", "Add a README", author=root, added=("README.md",))
    snippet = Snippet(
        id=instance.next_id(Snippet),
        project=project,
        title="A greeting",
        file_name="greeting.py",
        content='print("Hello")\n',
        author=alice,
        created_at=instance.now(),
        updated_at=instance.now(),
    )
    project.snippets[snippet.id] = snippet
