"""`/projects/:id/repository/files/:path`.

https://docs.gitlab.com/api/repository_files/
"""

import base64
import binascii

from starlette.responses import PlainTextResponse, Response

from .. import branches, entities
from ..entities import Json
from ..state import DEVELOPER
from .call import Call
from .endpoints import endpoint
from .errors import ApiError, invalid, not_found

_FILE = "/projects/{id}/repository/files/{file_path}"


@endpoint("GET", _FILE)
def show(call: Call) -> Json:
    ref = _ref(call, call.params.required("ref"))
    path, _ = _find(call, ref)
    return entities.file(call.project, path, ref)


@endpoint("GET", f"{_FILE}/raw")
def raw(call: Call) -> Response:
    _, content = _find(call, _ref(call, call.params.text("ref") or "HEAD"))
    return PlainTextResponse(content)


@endpoint("POST", _FILE)
def create(call: Call) -> Json:
    if call.text("file_path") in call.project.files(call.params.required("branch")):
        raise ApiError(400, {"message": "A file with this name already exists"})
    return _commit(call, content(call.params.required("content"), call.params.text("encoding")))


@endpoint("PUT", _FILE)
def update(call: Call) -> Json:
    _require_present(call)
    return _commit(call, content(call.params.required("content"), call.params.text("encoding")))


@endpoint("DELETE", _FILE)
def delete(call: Call) -> None:
    _require_present(call)
    _commit(call, None)


def content(text: str, encoding: str | None) -> str:
    """Decode the content of a file. Raises ApiError 400."""
    if encoding != "base64":
        return text
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise invalid("content") from None


def _ref(call: Call, name: str) -> str:
    ref = call.project.default_branch if name == "HEAD" else name
    if call.project.head(ref) is None:
        raise not_found("Commit")
    return ref


def _find(call: Call, ref: str) -> tuple[str, str]:
    path, files = call.text("file_path"), call.project.files(ref)
    if path not in files:
        raise not_found("File")
    return path, files[path]


def _require_present(call: Call) -> None:
    project, path = call.project, call.text("file_path")
    branch = call.params.required("branch")
    if path not in project.files(branch):
        raise ApiError(400, {"message": "A file with this name doesn't exist"})
    known = call.params.text("last_commit_id")
    if known and known != entities.file(project, path, branch)["last_commit_id"]:
        message = (
            "You are attempting to update a file that has changed since you started editing it."
        )
        raise ApiError(400, {"message": message})


def _commit(call: Call, new: str | None) -> Json:
    call.require(DEVELOPER)
    branch, message = call.params.required("branch"), call.params.required("commit_message")
    path = call.text("file_path")
    branches.commit(call, call.project, branch, message, {path: new})
    return {"file_path": path, "branch": branch}
