"""`/user`, `/users` and `/version`. After https://docs.gitlab.com/api/users/."""

from starlette.responses import JSONResponse, Response

from .. import entities
from ..state import User
from .call import Call
from .endpoints import endpoint, show


@endpoint("GET", "/users")
def list_all(call: Call) -> Response:
    username = call.params.text("username")
    found = [
        user
        for user in call.instance.users.values()
        if username is None or user.username.lower() == username.lower()
    ]
    return JSONResponse([entities.user(user) for user in found])


@endpoint("GET", "/version")
def version(call: Call) -> Response:
    return JSONResponse({"version": call.instance.version, "revision": "sandbox"})


def _user(call: Call) -> User:
    return call.find(call.instance.users, "user_id", "User")


show("/user", find=lambda call: call.user, entity=entities.current_user)
show("/users/{user_id}", find=_user, entity=entities.user_profile)
