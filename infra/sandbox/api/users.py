"""`/user`, `/users`, `/personal_access_tokens/self` and `/version`.

https://docs.gitlab.com/api/users/ and https://docs.gitlab.com/api/personal_access_tokens/
"""

from starlette.responses import Response

from .. import entities
from ..entities import Json
from ..state import User
from .call import Call
from .endpoints import endpoint, show
from .pagination import page


@endpoint("GET", "/users")
def list_all(call: Call) -> Response:
    username, searched = (call.params.text(name) for name in ("username", "search"))
    active = call.params.flag("active", True) and not call.params.flag("blocked", False)
    found = [
        user
        for user in call.instance.users.values()
        if active
        and (username is None or user.username.lower() == username.lower())
        and (searched is None or searched.lower() in f"{user.username}\n{user.name}".lower())
    ]
    return page(call, found, entities.user)


@endpoint("GET", "/version")
def version(call: Call) -> Json:
    return {"version": call.instance.version, "revision": "sandbox"}


def _user(call: Call) -> User:
    return call.find(call.instance.users, "user_id", "User")


show("/user", find=lambda call: call.user, entity=entities.current_user)
show("/personal_access_tokens/self", find=lambda call: call.token, entity=entities.token)
show("/users/{user_id}", find=_user, entity=entities.user_profile)
