from collections.abc import Iterator

import httpx
import pytest

from infra.testing.emulator import Emulator
from infra.testing.gateway import HttpApi
from infra.testing.server import serve

pytestmark = pytest.mark.usefixtures("lambda_runtime")

FUNCTION = """
import base64, json

def handler(event, context):
    if event["rawPath"] == "/broken":
        raise ValueError("as asked")
    if event["rawPath"] == "/binary":
        body = base64.b64encode(bytes([0, 255])).decode()
        return {"statusCode": 200, "body": body, "isBase64Encoded": True}
    return {
        "statusCode": 202,
        "headers": {"content-type": "application/json"},
        "body": json.dumps([event["rawPath"], event["rawQueryString"], event.get("body")]),
    }
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("package")
    (folder / "function.py").write_text(FUNCTION)
    with Emulator(folder, "function.handler") as function, serve(HttpApi(function)) as address:
        yield address


def test_a_request_reaches_the_function_and_its_answer_the_client(url: str) -> None:
    response = httpx.post(f"{url}/webhook?a=1", content="Größe".encode())
    assert response.status_code == 202
    assert response.headers["content-type"] == "application/json"
    assert response.json() == ["/webhook", "a=1", "Größe"]


def test_an_encoded_answer_arrives_decoded(url: str) -> None:
    assert httpx.get(f"{url}/binary").content == bytes([0, 255])


def test_a_function_that_raises_is_an_internal_server_error(url: str) -> None:
    response = httpx.get(f"{url}/broken")
    assert (response.status_code, response.json()) == (500, {"message": "Internal Server Error"})
