"""Comments, discussions, commit comments and award emoji over the API."""

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, BOT_TOKEN, Sandbox
from tests.infra.sandbox.conftest import Connect

PROJECT = "/projects/demo%2Fplayground"
ISSUE = f"{PROJECT}/issues/1"
MERGE_REQUEST = f"{PROJECT}/merge_requests/1"


@pytest.fixture(autouse=True)
def noteables(sandbox: Sandbox) -> None:
    sandbox.open_issue("Help")
    sandbox.open_merge_request("Fix it")


def snippet(sandbox: Sandbox) -> str:
    return f"{PROJECT}/snippets/{next(iter(sandbox.project.snippets))}"


def commit(sandbox: Sandbox) -> str:
    return f"{PROJECT}/repository/commits/{next(iter(sandbox.project.commits))}"


def test_creates_reads_edits_and_deletes_notes(alice: httpx.Client, sandbox: Sandbox) -> None:
    for target in (ISSUE, MERGE_REQUEST, snippet(sandbox)):
        created = alice.post(f"{target}/notes", json={"body": "Hello"})
        assert created.status_code == 201
        note = created.json()
        assert (note["body"], note["author"]["username"]) == ("Hello", "alice")
        url = f"{target}/notes/{note['id']}"
        assert alice.get(url).json() == note
        edited = alice.put(url, json={"body": "Bye"}).json()
        assert (edited["id"], edited["body"]) == (note["id"], "Bye")
        assert alice.delete(url).status_code == 204
        assert alice.get(url).json() == {"message": "404 Note Not Found"}


def test_guests_do_not_see_internal_notes(alice: httpx.Client, connect: Connect) -> None:
    alice.post(f"{ISSUE}/notes", json={"body": "For the team", "internal": True})
    bob = connect(BOB_TOKEN)
    assert bob.get(f"{ISSUE}/notes").json() == []
    assert alice.get(f"{ISSUE}/notes").json()[0]["internal"] is True


def test_only_quick_actions_create_no_note(alice: httpx.Client, sandbox: Sandbox) -> None:
    answer = alice.post(f"{ISSUE}/notes", json={"body": "/close\n/label ~bug"})
    assert answer.status_code == 202
    assert answer.json()["summary"] == ["Closed this.", "Added ~bug label(s)."]
    issue = sandbox.project.issues[1]
    assert (issue.state, [label.name for label in issue.labels]) == ("closed", ["bug"])
    assert alice.get(f"{ISSUE}/notes?activity_filter=only_comments").json() == []


def test_applies_each_known_quick_action_and_removes_it_from_the_text(
    alice: httpx.Client, sandbox: Sandbox
) -> None:
    issue = sandbox.project.issues[1]

    def apply(*actions: str) -> None:
        for action in actions:
            answer = alice.post(f"{ISSUE}/notes", json={"body": action})
            assert answer.status_code == 202, answer.text

    apply("/title Help, please", "/assign @alice @bob", "/unassign @bob")
    apply("/label ~bug ~docs", "/unlabel ~docs")
    assert issue.title == "Help, please"
    assert [user.username for user in issue.assignees] == ["alice"]
    assert [label.name for label in issue.labels] == ["bug"]
    apply("/relabel ~docs", "/confidential", "/close", "/reopen")
    assert [label.name for label in issue.labels] == ["docs"]
    assert (issue.confidential, issue.state) == (True, "opened")
    answer = alice.post(f"{ISSUE}/notes", json={"body": "Done.\n/close"})
    assert (answer.status_code, answer.json()["body"]) == (201, "Done.")
    assert issue.state == "closed"


def test_discussions_have_replies(alice: httpx.Client, sandbox: Sandbox) -> None:
    for target in (ISSUE, MERGE_REQUEST, commit(sandbox)):
        started = alice.post(f"{target}/discussions", json={"body": "Why?"}).json()
        assert started["individual_note"] is False
        replies = f"{target}/discussions/{started['id']}/notes"
        reply = alice.post(replies, json={"body": "Because."})
        assert (reply.status_code, reply.json()["type"]) == (201, "DiscussionNote")
        (found,) = alice.get(f"{target}/discussions").json()
        assert [note["body"] for note in found["notes"]] == ["Why?", "Because."]
        assert alice.get(f"{target}/discussions/{started['id']}").json() == found
        path = f"{replies}/{reply.json()['id']}"
        assert alice.put(path, json={"body": "So!"}).json() == alice.get(path).json()
        assert alice.delete(path).status_code == 204
        assert alice.get(path).status_code == 404


def test_a_reply_turns_a_comment_into_a_discussion(alice: httpx.Client, sandbox: Sandbox) -> None:
    note = sandbox.comment(sandbox.project.issues[1], "Hm")
    url = f"{ISSUE}/discussions/{note.discussion_id}"
    assert alice.get(url).json()["individual_note"] is True
    alice.post(f"{url}/notes", json={"body": "What?"})
    assert alice.get(url).json()["individual_note"] is False


def test_comments_on_a_commit(alice: httpx.Client, sandbox: Sandbox) -> None:
    url = f"{commit(sandbox)}/comments"
    created = alice.post(url, json={"note": "Nice", "path": "README.md", "line": 1})
    assert created.status_code == 201
    assert (created.json()["note"], created.json()["line"]) == ("Nice", 1)
    assert [each["note"] for each in alice.get(url).json()] == ["Nice"]
    assert alice.get(commit(sandbox)).json()["title"] == "Add a README"


def test_awards_an_emoji_once_and_revokes_it(
    alice: httpx.Client, connect: Connect, sandbox: Sandbox
) -> None:
    note = sandbox.comment(sandbox.project.issues[1], "Hm")
    for target in (ISSUE, MERGE_REQUEST, f"{ISSUE}/notes/{note.id}"):
        url = f"{target}/award_emoji"
        awarded = alice.post(url, json={"name": "thumbsup"})
        assert (awarded.status_code, awarded.json()["user"]["username"]) == (201, "alice")
        again = alice.post(url, json={"name": "thumbsup"})
        message = "404 Award Emoji Name has already been taken Not Found"
        assert (again.status_code, again.json()) == (404, {"message": message})
        bot = connect(BOT_TOKEN)
        assert bot.post(url, json={"name": "thumbsup"}).status_code == 201
        award = f"{url}/{awarded.json()['id']}"
        assert bot.delete(award).status_code == 401
        assert [each["name"] for each in alice.get(url).json()] == ["thumbsup"] * 2
        assert alice.get(award).json() == awarded.json()
        assert alice.delete(award).status_code == 204
        assert alice.get(award).status_code == 404
    assert alice.get(ISSUE).json()["upvotes"] == 1
