"""What gidgetlab calls `sansio`: the event, and what an answer of GitLab's API holds."""

from .core.event import Event
from .core.rate_limit import RateLimit
from .core.response import create_headers, decipher_response

__all__ = ["Event", "RateLimit", "create_headers", "decipher_response"]
