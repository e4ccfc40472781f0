"""Account: the account that the access token belongs to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """The account that the access token belongs to.

    Attributes:
        bot: Whether it is the account of an access token or a service account, and not a person's.
    """

    user_id: int
    username: str
    bot: bool
