"""The pages at the addresses that are printed."""

import httpx
import pytest

from infra.sandbox import Sandbox

pytestmark = pytest.mark.anyio


async def get(sandbox: Sandbox, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(sandbox.app)
    async with httpx.AsyncClient(transport=transport, base_url=sandbox.url) as client:
        return await client.get(path)


async def test_an_issue_has_a_page_with_its_comments(in_process: Sandbox) -> None:
    issue = in_process.open_issue("It does not start", description="At all.", labels=["bug"])
    in_process.comment(issue, "I will look into it.", by="playground-bot")
    page = await get(in_process, "/demo/playground/-/issues/1")
    assert page.status_code == 200
    for shown in ("It does not start", "At all.", "bug", "I will look into it.", "@playground-bot"):
        assert shown in page.text


async def test_the_front_page_leads_to_everything(in_process: Sandbox) -> None:
    in_process.open_issue("It does not start")
    in_process.open_merge_request("Make it start")
    page = await get(in_process, "/")
    assert f'href="{in_process.url}/demo/playground/-/issues/1"' in page.text
    assert f'href="{in_process.url}/demo/playground/-/merge_requests/1"' in page.text
    assert (await get(in_process, "/demo/playground/-/merge_requests/1")).status_code == 200


async def test_nothing_that_users_write_is_markup(in_process: Sandbox) -> None:
    evil = "<script>alert(1)</script>\"'&"
    issue = in_process.open_issue(evil, description=evil, labels=[evil])
    in_process.comment(issue, evil)
    in_process.award(issue, "<b>")
    for path in ("/", "/demo/playground", "/demo/playground/-/issues/1"):
        page = await get(in_process, path)
        assert "<script" not in page.text
        assert "<b>" not in page.text
        assert page.headers["content-security-policy"].startswith("default-src 'none'")


@pytest.mark.parametrize(
    "path", ["/demo/playground/-/issues/9", "/demo/nothing", "/demo/nothing/-/issues/1", "/x"]
)
async def test_an_unknown_address_is_404(in_process: Sandbox, path: str) -> None:
    assert (await get(in_process, path)).status_code == 404
