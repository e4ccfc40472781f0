"""Issues and merge requests over the API."""

from typing import Any

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, BOT_TOKEN, ROOT_TOKEN, Sandbox

pytestmark = pytest.mark.anyio

PROJECT = "/projects/demo%2Fplayground"
ISSUES = f"{PROJECT}/issues"
REQUESTS = f"{PROJECT}/merge_requests"


async def opened(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    defaults = {"title": "Mend it", "source_branch": "mend", "target_branch": "main"}
    answer = await client.post(REQUESTS, json=defaults | fields)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def test_an_issue_is_created_changed_and_closed(alice: httpx.AsyncClient) -> None:
    created = (
        await alice.post(ISSUES, json={"title": "Help", "description": "Now", "labels": "a,b"})
    ).json()
    assert (created["iid"], created["state"], created["labels"]) == (1, "opened", ["a", "b"])
    assert created["author"]["username"] == "alice"
    changed = await alice.put(
        f"{ISSUES}/1",
        json={"add_labels": "c", "remove_labels": "a", "assignee_ids": [4], "title": "Help!"},
    )
    body = changed.json()
    assert (body["title"], body["labels"]) == ("Help!", ["b", "c"])
    assert body["assignees"][0]["username"] == "playground-bot"
    closed = (await alice.put(f"{ISSUES}/1", json={"state_event": "close"})).json()
    assert (closed["state"], closed["closed_by"]["username"]) == ("closed", "alice")
    reopened = (await alice.put(f"{ISSUES}/1", json={"state_event": "reopen"})).json()
    assert (reopened["state"], reopened["closed_at"]) == ("opened", None)


async def test_the_whole_list_of_labels_can_be_set(alice: httpx.AsyncClient) -> None:
    await alice.post(ISSUES, json={"title": "Help", "labels": ["a", "b"]})
    body = (await alice.put(f"{ISSUES}/1", json={"labels": ["c"]})).json()
    assert body["labels"] == ["c"]
    assert (await alice.put(f"{ISSUES}/1", json={"labels": ""})).json()["labels"] == []


@pytest.mark.parametrize("title", ["", "  ", "x" * 256])
async def test_a_bad_title_is_told(alice: httpx.AsyncClient, title: str) -> None:
    answer = await alice.post(ISSUES, json={"title": title})
    assert answer.status_code == 400
    assert "title" in answer.json()["message"]


async def test_issues_are_listed_by_what_they_are(alice: httpx.AsyncClient) -> None:
    await alice.post(ISSUES, json={"title": "One", "labels": "bug"})
    await alice.post(ISSUES, json={"title": "Two"})
    await alice.put(f"{ISSUES}/2", json={"state_event": "close"})

    async def titles(query: str) -> list[str]:
        return [issue["title"] for issue in (await alice.get(f"{ISSUES}?{query}")).json()]

    assert await titles("") == ["Two", "One"]
    assert await titles("sort=asc") == ["One", "Two"]
    assert await titles("state=opened") == ["One"]
    assert await titles("labels=bug") == ["One"]
    assert await titles("search=tw") == ["Two"]
    assert await titles("iids[]=1") == ["One"]
    assert await titles("author_username=bob") == []


async def test_a_confidential_issue_is_for_the_team(alice: httpx.AsyncClient, connect: Any) -> None:
    await alice.post(ISSUES, json={"title": "A leak", "confidential": True})
    async with connect(BOB_TOKEN) as bob:
        assert (await bob.get(f"{ISSUES}/1")).status_code == 404
        assert (await bob.get(ISSUES)).json() == []
        await bob.post(ISSUES, json={"title": "Mine", "confidential": True})
        assert [each["title"] for each in (await bob.get(ISSUES)).json()] == ["Mine"]


async def test_a_guest_may_report_but_not_plan(connect: Any) -> None:
    async with connect(BOB_TOKEN) as bob:
        created = (await bob.post(ISSUES, json={"title": "Help", "labels": "bug"})).json()
        assert created["labels"] == []
        assert (await bob.put(f"{ISSUES}/1", json={"add_labels": "bug"})).status_code == 403
        assert (await bob.put(f"{ISSUES}/1", json={"title": "Help!"})).status_code == 200


async def test_a_merge_request_is_opened_labelled_and_merged(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    created = await opened(alice, labels="docs")
    assert (created["iid"], created["draft"], created["labels"]) == (1, False, ["docs"])
    labelled = (await alice.put(f"{REQUESTS}/1", json={"add_labels": "bug"})).json()
    assert labelled["labels"] == ["bug", "docs"]
    merged = (await alice.put(f"{REQUESTS}/1/merge")).json()
    assert (merged["state"], merged["merge_user"]["username"]) == ("merged", "alice")
    head = in_process.project.branches["main"]
    assert head == merged["merge_commit_sha"]
    assert in_process.project.commits[head].parents[1] == created["sha"]


async def test_what_cannot_be_merged_is_405(alice: httpx.AsyncClient) -> None:
    created = await opened(alice, title="Draft: Mend it")
    assert created["draft"]
    assert (await alice.put(f"{REQUESTS}/1/merge")).status_code == 405
    await alice.put(f"{REQUESTS}/1", json={"title": "Mend it"})
    stale = await alice.put(f"{REQUESTS}/1/merge", json={"sha": "0" * 40})
    assert stale.status_code == 409
    assert (await alice.put(f"{REQUESTS}/1/merge")).status_code == 200
    assert (await alice.put(f"{REQUESTS}/1/merge")).status_code == 405


async def test_developers_do_not_merge_into_the_default_branch(
    alice: httpx.AsyncClient, connect: Any
) -> None:
    await opened(alice)
    async with connect(BOT_TOKEN) as bot:
        answer = await bot.put(f"{REQUESTS}/1/merge")
    assert (answer.status_code, answer.json()) == (401, {"message": "401 Unauthorized"})


async def test_merge_requests_that_cannot_be_are_refused(alice: httpx.AsyncClient) -> None:
    await opened(alice)
    twin = {"title": "Again", "source_branch": "mend", "target_branch": "main"}
    answer = await alice.post(REQUESTS, json=twin)
    assert answer.status_code == 409
    assert "!1" in answer.json()["message"][0]
    answer = await alice.post(REQUESTS, json=twin | {"source_branch": "main"})
    assert answer.status_code == 422
    answer = await alice.post(REQUESTS, json=twin | {"target_branch": "nowhere"})
    assert answer.status_code == 400
    answer = await alice.post(REQUESTS, json={"title": "Again"})
    assert answer.json() == {"error": "source_branch is missing"}


async def test_closing_a_merge_request_is_not_merging(alice: httpx.AsyncClient) -> None:
    await opened(alice)
    closed = (await alice.put(f"{REQUESTS}/1", json={"state_event": "close"})).json()
    assert (closed["state"], closed["merged_at"]) == ("closed", None)
    assert (await alice.get(f"{REQUESTS}?state=closed")).json()[0]["iid"] == 1
    assert (await alice.get(f"{REQUESTS}?state=opened")).json() == []


async def test_labels_are_kept_by_the_project(alice: httpx.AsyncClient, connect: Any) -> None:
    url = f"{PROJECT}/labels"
    created = await alice.post(url, json={"name": "needs review", "color": "#ff0000"})
    assert (created.status_code, created.json()["name"]) == (201, "needs review")
    again = await alice.post(url, json={"name": "needs review", "color": "#ff0000"})
    assert (again.status_code, again.json()) == (409, {"message": "Label already exists"})
    bad = await alice.post(url, json={"name": "x", "color": "?"})
    assert bad.json() == {"message": {"color": ["must be a valid color code"]}}
    await alice.post(ISSUES, json={"title": "Help", "labels": ["needs review"]})
    renamed = await alice.put(f"{url}/needs%20review", json={"new_name": "review"})
    assert renamed.json()["name"] == "review"
    assert (await alice.get(f"{ISSUES}/1")).json()["labels"] == ["review"]
    assert (await alice.delete(f"{url}/review")).status_code == 204
    assert (await alice.get(f"{ISSUES}/1")).json()["labels"] == []
    names = [label["name"] for label in (await alice.get(url)).json()]
    assert names == ["bug", "docs"]
    async with connect(BOB_TOKEN) as bob:
        assert (await bob.post(url, json={"name": "y", "color": "#fff"})).status_code == 403


async def test_administrators_may_do_everything(connect: Any) -> None:
    async with connect(ROOT_TOKEN) as root:
        await opened(root)
        assert (await root.put(f"{REQUESTS}/1/merge")).status_code == 200
