"""Error responses in the shapes of GitLab's API."""

from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response


class ApiError(Exception):
    """A refused request; its `body` is JSON or plain text."""

    def __init__(
        self, status: int, body: dict[str, Any] | str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers

    def response(self) -> Response:
        kind = PlainTextResponse if isinstance(self.body, str) else JSONResponse
        return kind(self.body, self.status, self.headers)


def not_implemented(what: str) -> ApiError:
    """Return the sandbox's own answer to what GitLab can do and the sandbox cannot."""
    return ApiError(501, {"message": f"501 Not Implemented: the sandbox does not have {what}"})


def not_found(what: str = "") -> ApiError:
    """Return GitLab's 404, which also hides objects that the user may not see."""
    return ApiError(404, {"message": f"404 {what} Not Found" if what else "404 Not Found"})


def unauthorized() -> ApiError:
    return ApiError(401, {"message": "401 Unauthorized"})


def invalid(name: str, problem: str = "is invalid") -> ApiError:
    """Return GitLab's 400 for an invalid parameter."""
    return ApiError(400, {"error": f"{name} {problem}"})


def invalid_field(name: str, problem: str) -> ApiError:
    """Return GitLab's 400 for a parameter that its models reject."""
    return ApiError(400, {"message": {name: [problem]}})
