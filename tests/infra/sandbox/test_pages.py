"""The sandbox's HTML pages."""

import httpx
import pytest

from infra.sandbox import Sandbox


def get(sandbox: Sandbox, path: str) -> httpx.Response:
    return httpx.get(f"{sandbox.url}{path}", trust_env=False)


def test_an_issue_has_a_page_with_its_comments(sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("It does not start", description="At all.", labels=["bug"])
    sandbox.comment(issue, "I will look into it.", by="playground-bot")
    page = get(sandbox, "/demo/playground/-/issues/1")
    assert page.status_code == 200
    for shown in ("It does not start", "At all.", "bug", "I will look into it.", "@playground-bot"):
        assert shown in page.text


def test_the_front_page_links_to_every_page(sandbox: Sandbox) -> None:
    sandbox.open_issue("It does not start")
    sandbox.open_merge_request("Make it start")
    page = get(sandbox, "/")
    assert f'href="{sandbox.url}/demo/playground/-/issues/1"' in page.text
    assert f'href="{sandbox.url}/demo/playground/-/merge_requests/1"' in page.text
    assert get(sandbox, "/demo/playground/-/merge_requests/1").status_code == 200


def test_escapes_the_text_of_users(sandbox: Sandbox) -> None:
    evil = "<script>alert(1)</script>\"'&"
    issue = sandbox.open_issue(evil, description=evil, labels=[evil])
    sandbox.comment(issue, evil)
    sandbox.award(issue, "<b>")
    for path in ("/", "/demo/playground", "/demo/playground/-/issues/1"):
        page = get(sandbox, path)
        assert "<script" not in page.text
        assert "<b>" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path", ["/demo/playground/-/issues/9", "/demo/nothing", "/demo/nothing/-/issues/1", "/x"]
)
def test_an_unknown_address_is_404(sandbox: Sandbox, path: str) -> None:
    assert get(sandbox, path).status_code == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8081", 200),
        ("127.0.0.2", 200),
        ("[::1]:8081", 200),
        ("localhost", 200),
        ("host.docker.internal:8081", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("", 421),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v4/version"])
def test_answers_only_under_a_name_of_this_machine(
    sandbox: Sandbox, host: str, status: int, path: str
) -> None:
    answer = httpx.get(f"{sandbox.url}{path}", headers={"Host": host}, trust_env=False)
    assert (answer.status_code == 421) == (status == 421)
