"""Comments, discussions, commit comments and award emoji over the API."""

from typing import Any

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, BOT_TOKEN, Sandbox

pytestmark = pytest.mark.anyio

PROJECT = "/projects/demo%2Fplayground"
ISSUE = f"{PROJECT}/issues/1"
REQUEST = f"{PROJECT}/merge_requests/1"


@pytest.fixture(autouse=True)
def something_to_talk_about(in_process: Sandbox) -> None:
    in_process.open_issue("Help")
    in_process.open_merge_request("Mend it")


def snippet(sandbox: Sandbox) -> str:
    return f"{PROJECT}/snippets/{next(iter(sandbox.project.snippets))}"


def commit(sandbox: Sandbox) -> str:
    return f"{PROJECT}/repository/commits/{next(iter(sandbox.project.commits))}"


async def test_notes_are_written_read_changed_and_deleted(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    for target in (ISSUE, REQUEST, snippet(in_process)):
        created = await alice.post(f"{target}/notes", json={"body": "Hello"})
        assert created.status_code == 201
        note = created.json()
        assert (note["body"], note["author"]["username"], note["system"]) == (
            "Hello",
            "alice",
            False,
        )
        url = f"{target}/notes/{note['id']}"
        assert (await alice.get(url)).json() == note
        changed = (await alice.put(url, json={"body": "Bye"})).json()
        assert (changed["id"], changed["body"]) == (note["id"], "Bye")
        assert (await alice.delete(url)).status_code == 204
        assert (await alice.get(url)).json() == {"message": "404 Note Not Found"}


@pytest.mark.parametrize("target", [f"{PROJECT}/issues/9", f"{PROJECT}/snippets/1"])
async def test_a_note_on_nothing_is_404(alice: httpx.AsyncClient, target: str) -> None:
    answer = await alice.post(f"{target}/notes", json={"body": "Hello"})
    assert (answer.status_code, answer.json()) == (404, {"message": "404 Not Found"})


async def test_a_note_needs_a_body(alice: httpx.AsyncClient) -> None:
    assert (await alice.post(f"{ISSUE}/notes")).json() == {"error": "body is missing"}
    answer = await alice.post(f"{ISSUE}/notes", json={"body": " "})
    assert answer.status_code == 400
    assert "can't be blank" in answer.json()["message"]


async def test_others_notes_are_for_maintainers(
    alice: httpx.AsyncClient, connect: Any, in_process: Sandbox
) -> None:
    note = in_process.comment(in_process.project.issues[1], "Mine", by="alice")
    url = f"{ISSUE}/notes/{note.id}"
    async with connect(BOB_TOKEN) as bob:
        assert (await bob.put(url, json={"body": "No"})).status_code == 403
        assert (await bob.delete(url)).status_code == 403
        assert (await bob.get(url)).status_code == 200


async def test_internal_notes_are_for_the_team(alice: httpx.AsyncClient, connect: Any) -> None:
    await alice.post(f"{ISSUE}/notes", json={"body": "Among us", "internal": True})
    async with connect(BOB_TOKEN) as bob:
        assert (await bob.get(f"{ISSUE}/notes")).json() == []
    assert (await alice.get(f"{ISSUE}/notes")).json()[0]["internal"] is True


async def test_only_quick_actions_make_no_note(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    answer = await alice.post(f"{ISSUE}/notes", json={"body": "/close\n/label ~bug"})
    assert answer.status_code == 202
    assert answer.json()["summary"] == ["Closed this.", "Added ~bug label(s)."]
    issue = in_process.project.issues[1]
    assert (issue.state, [label.name for label in issue.labels]) == ("closed", ["bug"])
    assert (await alice.get(f"{ISSUE}/notes?activity_filter=only_comments")).json() == []


async def test_quick_actions_in_a_note_are_done_and_left_out(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    answer = await alice.post(f"{ISSUE}/notes", json={"body": "Done.\n/close"})
    assert (answer.status_code, answer.json()["body"]) == (201, "Done.")
    assert in_process.project.issues[1].state == "closed"


async def test_quick_actions_that_fail_are_400(alice: httpx.AsyncClient, connect: Any) -> None:
    answer = await alice.post(f"{ISSUE}/notes", json={"body": "/label ~unknown"})
    assert answer.status_code == 400
    assert "Could not apply label command" in answer.json()["message"]
    async with connect(BOB_TOKEN) as bob:
        assert (await bob.post(f"{ISSUE}/notes", json={"body": "/close"})).status_code == 400


async def test_quick_actions_of_all_kinds(alice: httpx.AsyncClient, in_process: Sandbox) -> None:
    issue = in_process.project.issues[1]

    async def say(body: str) -> None:
        assert (await alice.post(f"{ISSUE}/notes", json={"body": body})).status_code == 202

    await say("/title Help, please")
    await say("/assign @alice @bob")
    await say("/unassign @bob")
    await say("/label ~bug ~docs")
    await say("/unlabel ~docs")
    assert issue.title == "Help, please"
    assert [user.username for user in issue.assignees] == ["alice"]
    assert [label.name for label in issue.labels] == ["bug"]
    await say("/relabel ~docs")
    await say("/confidential")
    await say("/close")
    await say("/reopen")
    assert [label.name for label in issue.labels] == ["docs"]
    assert (issue.confidential, issue.state) == (True, "opened")


async def test_discussions_have_replies(alice: httpx.AsyncClient, in_process: Sandbox) -> None:
    for target in (ISSUE, REQUEST, commit(in_process)):
        started = (await alice.post(f"{target}/discussions", json={"body": "Why?"})).json()
        assert started["individual_note"] is False
        replies = f"{target}/discussions/{started['id']}/notes"
        reply = await alice.post(replies, json={"body": "Because."})
        assert (reply.status_code, reply.json()["type"]) == (201, "DiscussionNote")
        (found,) = (await alice.get(f"{target}/discussions")).json()
        assert [note["body"] for note in found["notes"]] == ["Why?", "Because."]
        assert (await alice.get(f"{target}/discussions/{started['id']}")).json() == found


async def test_a_plain_comment_becomes_a_discussion_when_answered(
    alice: httpx.AsyncClient, in_process: Sandbox
) -> None:
    note = in_process.comment(in_process.project.issues[1], "Hm")
    url = f"{ISSUE}/discussions/{note.discussion_id}"
    assert (await alice.get(url)).json()["individual_note"] is True
    await alice.post(f"{url}/notes", json={"body": "What?"})
    assert (await alice.get(url)).json()["individual_note"] is False
    unknown = await alice.get(f"{ISSUE}/discussions/0")
    assert unknown.json() == {"message": "404 Discussion Not Found"}


async def test_commits_are_commented(alice: httpx.AsyncClient, in_process: Sandbox) -> None:
    url = f"{commit(in_process)}/comments"
    created = await alice.post(url, json={"note": "Nice", "path": "README.md", "line": 1})
    assert created.status_code == 201
    assert (created.json()["note"], created.json()["line"]) == ("Nice", 1)
    assert [each["note"] for each in (await alice.get(url)).json()] == ["Nice"]
    assert (await alice.get(commit(in_process))).json()["title"] == "Add a README"
    unknown = await alice.post(f"{PROJECT}/repository/commits/abc/comments", json={"note": "?"})
    assert unknown.json() == {"message": "404 Commit Not Found"}


async def test_emoji_are_awarded_once_and_revoked(
    alice: httpx.AsyncClient, connect: Any, in_process: Sandbox
) -> None:
    note = in_process.comment(in_process.project.issues[1], "Hm")
    for target in (ISSUE, REQUEST, f"{ISSUE}/notes/{note.id}"):
        url = f"{target}/award_emoji"
        awarded = await alice.post(url, json={"name": "thumbsup"})
        assert (awarded.status_code, awarded.json()["user"]["username"]) == (201, "alice")
        again = await alice.post(url, json={"name": "thumbsup"})
        assert again.status_code == 404
        message = "404 Award Emoji Name has already been taken Not Found"
        assert again.json() == {"message": message}
        async with connect(BOT_TOKEN) as bot:
            assert (await bot.post(url, json={"name": "thumbsup"})).status_code == 201
            theirs = f"{url}/{awarded.json()['id']}"
            assert (await bot.delete(theirs)).status_code == 401
        assert [each["name"] for each in (await alice.get(url)).json()] == ["thumbsup"] * 2
        assert (await alice.get(theirs)).json() == awarded.json()
        assert (await alice.delete(theirs)).status_code == 204
        assert (await alice.get(theirs)).status_code == 404
    assert (await alice.get(ISSUE)).json()["upvotes"] == 1


async def test_no_emoji_of_that_name(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(f"{ISSUE}/award_emoji", json={"name": "no such emoji"})
    assert answer.status_code == 404
