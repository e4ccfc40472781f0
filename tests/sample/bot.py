"""The bot that the framework's tests run, so that a change of handler/bot.py breaks none of them."""

from gidgetlambda import GitLabBot
from gidgetlambda.plugins import thanks, welcome

bot = GitLabBot("sample-bot")
bot.register_routers(welcome.router, thanks.router)
