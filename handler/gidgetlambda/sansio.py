"""The names of gidgetlab's module `sansio`."""

from .event import Event
from .rate_limit import RateLimit
from .response import create_headers, decipher_response

__all__ = ["Event", "RateLimit", "create_headers", "decipher_response"]
