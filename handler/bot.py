"""The bot of this deployment: the file that its owner edits."""

from __future__ import annotations

from gidgetlambda import GitLabBot
from gidgetlambda.plugins import thanks, welcome

bot = GitLabBot("gidgetlambda")
bot.register_routers(welcome.router, thanks.router)

if __name__ == "__main__":
    bot.run()
