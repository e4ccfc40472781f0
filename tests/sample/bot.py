"""The bot that the framework's tests run.

They do not run handler/bot.py, so that an owner's change to it breaks none of them.
"""

from gidgetlambda import GitLabBot
from gidgetlambda.plugins import thanks, welcome

bot = GitLabBot("sample-bot")
bot.register_routers(welcome.router, thanks.router)
