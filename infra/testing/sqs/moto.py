"""moto's server, called without a socket in between: its SQS, one request at a time.

https://docs.getmoto.org/en/latest/docs/services/sqs.html
"""

import json
import time
from datetime import datetime
from typing import Any, Literal

import httpx
from moto.moto_server.werkzeug_app import create_backend_app
from moto.sqs import models

from .principals import REGION
from .refusal import PREFIX, Refusal

# moto reads service and region from it, and verifies nothing.
_AUTHORIZATION = (
    f"AWS4-HMAC-SHA256 Credential=moto/20260101/{REGION}/sqs/aws4_request, "
    "SignedHeaders=host, Signature=none"
)


class Moto:
    """moto's SQS. Its state is the process's: there is one of it, whatever was made before.

    Args:
        url: the address under which it is reached; queues' URLs begin with it.
    """

    def __init__(self, url: str) -> None:
        # moto asks the time several times for each message that it has, and takes long to tell it.
        models.unix_time_millis = _milliseconds  # type: ignore[attr-defined]
        self._client = _client("sqs", url)
        self._own = _client("moto_api", url)

    def close(self) -> None:
        self._client.close()
        self._own.close()

    def reset(self) -> None:
        self._own.post("/moto-api/reset").raise_for_status()

    def call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Have SQS do something. Raises Refusal."""
        response = self._client.post(
            "/",
            content=json.dumps(parameters),
            headers={
                "authorization": _AUTHORIZATION,
                "content-type": "application/x-amz-json-1.0",
                "x-amz-target": f"AmazonSQS.{action}",
            },
        )
        if response.status_code == httpx.codes.OK:
            answer: dict[str, Any] = response.json() if response.content else {}
            return answer
        raise _refusal(response)


def _client(service: Literal["sqs", "moto_api"], url: str) -> httpx.Client:
    """Reaches one of moto's services, without having it guess which."""
    app = create_backend_app(service)
    return httpx.Client(transport=httpx.WSGITransport(app=app), base_url=url)


def _milliseconds(dt: datetime | None = None) -> float:
    return (dt.timestamp() if dt else time.time()) * 1000


def _refusal(response: httpx.Response) -> Refusal:
    try:
        error = response.json()
    except ValueError:
        return Refusal("InternalFailure", response.text[:500], status=500, common=True)
    code = str(error.get("__type", f"{PREFIX}#InternalFailure")).rpartition("#")[2]
    message = str(error.get("message") or error.get("Message") or "")
    return Refusal(code, message, status=response.status_code)
