"""The names of gidgetlab's module `aiohttp`, without aiohttp."""

from .gitlab import GitLabAPI
from .gitlabbot import GitLabBot

__all__ = ["GitLabAPI", "GitLabBot"]
