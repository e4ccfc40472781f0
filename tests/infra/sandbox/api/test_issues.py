"""Issues and merge requests over the API."""

from typing import Any

import httpx
import pytest

from infra.sandbox import BOB_TOKEN, ROOT_TOKEN, Sandbox
from tests.infra.sandbox.conftest import Connect

PROJECT = "/projects/demo%2Fplayground"
ISSUES = f"{PROJECT}/issues"
MERGE_REQUESTS = f"{PROJECT}/merge_requests"
MERGE_REQUEST = f"{MERGE_REQUESTS}/1"
LABELS = f"{PROJECT}/labels"
FIELDS = {"title": "Fix it", "source_branch": "fix", "target_branch": "main"}


def open_merge_request(client: httpx.Client, **fields: Any) -> Any:
    answer = client.post(MERGE_REQUESTS, json=FIELDS | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_creates_edits_closes_and_reopens_an_issue(alice: httpx.Client) -> None:
    created = alice.post(ISSUES, json={"title": "Help", "labels": "a,b"}).json()
    assert (created["iid"], created["state"], created["labels"]) == (1, "opened", ["a", "b"])
    assert created["author"]["username"] == "alice"
    change = {"add_labels": "c", "remove_labels": "a", "assignee_ids": [4], "title": "Help!"}
    edited = alice.put(f"{ISSUES}/1", json=change).json()
    assert (edited["title"], edited["labels"]) == ("Help!", ["b", "c"])
    assert edited["assignees"][0]["username"] == "playground-bot"
    assert alice.put(f"{ISSUES}/1", json={"labels": ["d"]}).json()["labels"] == ["d"]
    assert alice.put(f"{ISSUES}/1", json={"labels": ""}).json()["labels"] == []
    closed = alice.put(f"{ISSUES}/1", json={"state_event": "close"}).json()
    assert (closed["state"], closed["closed_by"]["username"]) == ("closed", "alice")
    reopened = alice.put(f"{ISSUES}/1", json={"state_event": "reopen"}).json()
    assert (reopened["state"], reopened["closed_at"]) == ("opened", None)
    notes = alice.get(f"{ISSUES}/1/notes?activity_filter=only_activity&sort=asc").json()
    changes = ["changed title from **Help** to **Help!**", "assigned to @playground-bot"]
    assert [(note["system"], note["body"]) for note in notes] == [(True, each) for each in changes]


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["Two", "One"]),
        ("sort=asc", ["One", "Two"]),
        ("state=opened", ["One"]),
        ("labels=bug", ["One"]),
        ("search=tw", ["Two"]),
        ("iids[]=1", ["One"]),
        ("author_username=bob", []),
        ("author_id=3", []),
        ("author_id=2&created_after=2026-01-01", ["Two", "One"]),
        ("created_before=2026-01-01", []),
        ("updated_after=2999-01-01", []),
        ("updated_before=2999-01-01", ["Two", "One"]),
        ("order_by=title", ["Two", "One"]),
        ("labels=Any", ["One"]),
        ("labels=None", ["Two"]),
        ("not[labels]=bug", ["Two"]),
        ("not[iids][]=2", ["One"]),
        ("not[author_username]=alice", []),
        ("assignee_id=None", ["Two", "One"]),
        ("assignee_username[]=bob", []),
        ("milestone=None", ["Two", "One"]),
        ("milestone=v1", []),
        ("confidential=true", []),
        ("issue_type=incident", []),
        ("scope=created_by_me", ["Two", "One"]),
        ("scope=assigned_to_me", []),
        ("search=tw&in=description", []),
        ("created_after=2999-01-01T00:00:00Z", []),
    ],
)
def test_filters_and_orders_issues(
    alice: httpx.Client, sandbox: Sandbox, query: str, titles: list[str]
) -> None:
    sandbox.open_issue("One", labels=["bug"])
    sandbox.close_issuable(sandbox.open_issue("Two"))
    assert [issue["title"] for issue in alice.get(f"{ISSUES}?{query}").json()] == titles


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("draft=true", ["Draft: Two"]),
        ("wip=no", ["One"]),
        ("source_branch=one", ["One"]),
        ("not[source_branch]=one", ["Draft: Two"]),
        ("target_branch=main&state=opened", ["Draft: Two", "One"]),
        ("reviewer_username=bob", ["One"]),
        ("reviewer_id=Any", ["One"]),
        ("scope=reviews_for_me", []),
    ],
)
def test_filters_merge_requests(
    alice: httpx.Client, sandbox: Sandbox, query: str, titles: list[str]
) -> None:
    bob = sandbox.user("bob")
    sandbox.open_merge_request("One", source_branch="one", reviewers=[bob])
    sandbox.open_merge_request("Draft: Two", source_branch="two")
    found = alice.get(f"{MERGE_REQUESTS}?{query}").json()
    assert [each["title"] for each in found] == titles


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/users?username=BOB", ["bob"]),
        ("/users?search=Ali", ["alice"]),
        ("/users?blocked=true", []),
        (f"{PROJECT}/members?query=bot", ["playground-bot"]),
        (f"{PROJECT}/members/all?user_ids[]=3", ["bob"]),
        ("/projects?search=play&membership=true", ["Playground"]),
        ("/projects?owned=true", []),
        ("/projects?visibility=public", []),
        (f"{PROJECT}/labels?search=DO", ["docs"]),
        (f"{PROJECT}/repository/commits", ["Add a README"]),
        (f"{PROJECT}/repository/commits?ref_name=fix", ["A fix", "Add a README"]),
        (f"{PROJECT}/repository/commits?all=true&since=2999-01-01", []),
        (f"{PROJECT}/repository/commits?ref_name=fix&author=Bob", ["A fix"]),
    ],
)
def test_filters_other_lists(
    alice: httpx.Client, sandbox: Sandbox, path: str, found: list[str]
) -> None:
    sandbox.push("fix", "A fix", by="bob")
    answer = alice.get(path)
    names = [each.get("username") or each.get("title") or each["name"] for each in answer.json()]
    assert names == found
    assert answer.headers["X-Total"] == str(len(found))


def test_keeps_every_field_that_it_knows(alice: httpx.Client, connect: Connect) -> None:
    issue = alice.post(ISSUES, json={"title": "a", "assignee_id": 4, "due_date": "2026-12-24"})
    assert (issue.json()["due_date"], issue.json()["assignee"]["id"]) == ("2026-12-24", 4)
    changed = alice.put(f"{ISSUES}/1", json={"due_date": "", "assignee_id": 0}).json()
    assert (changed["due_date"], changed["assignee"]) == (None, None)
    dated = {"title": "b", "created_at": "2020-01-02T03:04:05Z"}
    assert alice.post(ISSUES, json=dated).json()["created_at"] > "2026"
    assert connect(ROOT_TOKEN).post(ISSUES, json=dated).json()["created_at"].startswith("2020-01")
    opened = open_merge_request(alice, squash=True, remove_source_branch=True)
    assert (opened["squash"], opened["force_remove_source_branch"]) == (True, True)
    changed = alice.put(MERGE_REQUEST, json={"squash": False, "assignee_id": 2}).json()
    assert (changed["squash"], changed["assignee"]["username"]) == (False, "alice")
    assert alice.put(f"{MERGE_REQUEST}/merge").json()["state"] == "merged"
    assert alice.get(f"{PROJECT}/repository/commits?ref_name=fix").status_code == 404


def test_takes_a_body_of_null_for_none(alice: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    assert alice.post(f"{ISSUES}?title=a", content=b"null", headers=headers).status_code == 201


def test_guests_see_only_their_confidential_issues(alice: httpx.Client, connect: Connect) -> None:
    alice.post(ISSUES, json={"title": "A leak", "confidential": True})
    bob = connect(BOB_TOKEN)
    assert bob.get(f"{ISSUES}/1").status_code == 404
    assert bob.get(ISSUES).json() == []
    bob.post(ISSUES, json={"title": "Mine", "confidential": True})
    assert [each["title"] for each in bob.get(ISSUES).json()] == ["Mine"]


def test_a_guest_may_open_and_edit_issues_but_not_label_them(connect: Connect) -> None:
    bob = connect(BOB_TOKEN)
    created = bob.post(ISSUES, json={"title": "Help", "labels": "bug"}).json()
    assert created["labels"] == []
    assert bob.put(f"{ISSUES}/1", json={"title": "Help!"}).status_code == 200


def test_opens_labels_and_merges_a_merge_request(
    alice: httpx.Client, root: httpx.Client, sandbox: Sandbox
) -> None:
    created = open_merge_request(alice, labels="docs")
    assert (created["iid"], created["draft"], created["labels"]) == (1, False, ["docs"])
    labelled = alice.put(MERGE_REQUEST, json={"add_labels": "bug"}).json()
    assert labelled["labels"] == ["bug", "docs"]
    merged = root.put(f"{MERGE_REQUEST}/merge").json()
    assert (merged["state"], merged["merge_user"]["username"]) == ("merged", "root")
    head = sandbox.project.branches["main"]
    assert head == merged["merge_commit_sha"]
    assert sandbox.project.commits[head].parents[1] == created["sha"]


def test_refuses_to_merge_a_draft_a_stale_head_or_a_merged_one(alice: httpx.Client) -> None:
    created = open_merge_request(alice, title="Draft: Fix it")
    assert created["draft"]
    assert alice.put(f"{MERGE_REQUEST}/merge").status_code == 405
    alice.put(MERGE_REQUEST, json={"title": "Fix it"})
    stale = alice.put(f"{MERGE_REQUEST}/merge", json={"sha": "0" * 40})
    assert stale.status_code == 409
    assert alice.put(f"{MERGE_REQUEST}/merge").status_code == 200
    assert alice.put(f"{MERGE_REQUEST}/merge").status_code == 405


def test_closes_a_merge_request_without_merging_it(alice: httpx.Client) -> None:
    open_merge_request(alice)
    closed = alice.put(MERGE_REQUEST, json={"state_event": "close"}).json()
    assert (closed["state"], closed["merged_at"]) == ("closed", None)
    assert alice.get(f"{MERGE_REQUESTS}?state=closed").json()[0]["iid"] == 1
    assert alice.get(f"{MERGE_REQUESTS}?state=opened").json() == []


def test_creates_renames_and_deletes_a_label(alice: httpx.Client, sandbox: Sandbox) -> None:
    created = alice.post(LABELS, json={"name": "needs review", "color": "#ff0000"})
    assert (created.status_code, created.json()["name"]) == (201, "needs review")
    issue = sandbox.open_issue("Help", labels=["needs review"])
    renamed = alice.put(f"{LABELS}/needs%20review", json={"new_name": "review"})
    assert renamed.json()["name"] == "review"
    assert [label.name for label in issue.labels] == ["review"]
    assert alice.delete(f"{LABELS}/review").status_code == 204
    assert issue.labels == []
    assert [label["name"] for label in alice.get(LABELS).json()] == ["bug", "docs"]
