"""The exception that ends a command."""

import contextlib
from collections.abc import Iterator


class Failure(Exception):  # noqa: N818 - a situation that the user resolves, not a bug
    """A command cannot go on. The message names the cause and the remedy."""


@contextlib.contextmanager
def hint(text: str) -> Iterator[None]:
    """Add a sentence to the message of a `Failure` that the block raises."""
    try:
        yield
    except Failure as failure:
        raise Failure(f"{failure} {text}") from None
