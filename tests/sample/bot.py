"""The bot that the framework's tests run.

It is not handler/bot.py, so that a change of an owner's bot breaks none of these tests.
"""

from gidgetlambda import GitLabBot
from gidgetlambda.plugins import thanks, welcome

bot = GitLabBot("sample-bot")
bot.register_routers(welcome.router, thanks.router)
