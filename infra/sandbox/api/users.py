"""`/user`, `/users`, `/personal_access_tokens/self` and `/version`.

https://docs.gitlab.com/api/users/ and https://docs.gitlab.com/api/personal_access_tokens/
"""

from .. import entities
from ..entities import Json
from ..state import User
from .call import Call
from .endpoints import endpoint, show


@endpoint("GET", "/users")
def list_all(call: Call) -> list[Json]:
    username = call.params.text("username")
    return [
        entities.user(user)
        for user in call.instance.users.values()
        if username is None or user.username.lower() == username.lower()
    ]


@endpoint("GET", "/version")
def version(call: Call) -> Json:
    return {"version": call.instance.version, "revision": "sandbox"}


def _user(call: Call) -> User:
    return call.find(call.instance.users, "user_id", "User")


show("/user", find=lambda call: call.user, entity=entities.current_user)
show("/personal_access_tokens/self", find=lambda call: call.token, entity=entities.token)
show("/users/{user_id}", find=_user, entity=entities.user_profile)
