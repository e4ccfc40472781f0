"""`/user`, `/users` and `/version`. After https://docs.gitlab.com/api/users/."""

from starlette.responses import JSONResponse, Response

from .. import entities
from .call import Call, Endpoints

endpoint = Endpoints()


@endpoint("GET", "/user")
def current(call: Call) -> Response:
    return JSONResponse(entities.current_user(call.user))


@endpoint("GET", "/users")
def index(call: Call) -> Response:
    username = call.params.text("username")
    found = [
        user
        for user in call.instance.users.values()
        if username is None or user.username.lower() == username.lower()
    ]
    return JSONResponse([entities.user(user) for user in found])


@endpoint("GET", "/users/{user_id}")
def show(call: Call) -> Response:
    return JSONResponse(entities.user_profile(call.find(call.instance.users, "user_id", "User")))


@endpoint("GET", "/version")
def version(call: Call) -> Response:
    return JSONResponse({"version": call.instance.version, "revision": "sandbox"})
