"""`/user` and `/users`: who the token is, and who others are."""

from .. import entities
from .call import Answer, Call, Endpoint, not_found


def current(call: Call) -> Answer:
    return Answer(entities.current_user(call.instance, call.user))


def listed(call: Call) -> Answer:
    """Users, by `username` if it is given."""
    username = call.params.text("username")
    return Answer(
        [
            entities.user(call.instance, user)
            for user in call.instance.users.values()
            if username is None or user.username.lower() == username.lower()
        ]
    )


def one(call: Call) -> Answer:
    user = call.instance.users.get(call.number("user_id"))
    if not user:
        raise not_found("User")
    return Answer(entities.user_profile(call.instance, user))


def version(call: Call) -> Answer:
    return Answer({"version": call.instance.version, "revision": "sandbox"})


endpoints = (
    Endpoint("GET", "/user", current),
    Endpoint("GET", "/users", listed),
    Endpoint("GET", "/users/{user_id}", one),
    Endpoint("GET", "/version", version),
)
