"""The requests that the API refuses, with GitLab's status and message."""

from typing import Any

import pytest

from infra.sandbox import ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN, Sandbox
from infra.sandbox.seed import EXPIRED_TOKEN
from tests.infra.sandbox.conftest import Connect

ALICE, BOB, BOT = ALICE_TOKEN, BOB_TOKEN, BOT_TOKEN
MR = {"title": "Fix it", "source_branch": "fix", "target_branch": "main"}
HOOK = {"url": "http://127.0.0.1:9/"}
FILE = {"branch": "main", "commit_message": "x", "content": "x"}
STALE = FILE | {"last_commit_id": "0" * 40}
CHMOD = FILE | {"actions": [{"action": "chmod", "file_path": "README.md"}]}
NO_NAME = "message: 404 Award Emoji Name is not a valid emoji name Not Found"
NO_LABEL = "Could not apply label command. Failed to find the label(s)."
SAME_BRANCH = "message: You can't use same project/branch for source and target"
TWIN = "message: Another open merge request already exists for this source branch: !1"


@pytest.mark.parametrize(
    ("token", "line", "fields", "status", "text"),
    # A path is relative to the project, unless it begins with two slashes.
    [
        (EXPIRED_TOKEN, "GET //user", {}, 401, "error: invalid_token"),
        (ALICE, "GET //nothing", {}, 501, "the sandbox does not have GET /nothing"),
        (ALICE, "POST /fork", {}, 501, "does not have POST /projects/71/fork"),
        (ALICE, "POST /pipeline", {"ref": "no"}, 400, "message: base: Reference not found"),
        (ALICE, "POST /jobs/9/retry", {}, 404, "message: 404 Not Found"),
        (ALICE, "DELETE /repository/branches/main", {}, 403, "403 Forbidden"),
        (ALICE, "GET /repository/branches/no", {}, 404, "404 Branch Not Found"),
        (ALICE, "GET /repository/files/no.txt?ref=main", {}, 404, "404 File Not Found"),
        (ALICE, "GET /repository/files/README.md", {}, 400, "error: ref is missing"),
        (ALICE, "POST /repository/files/README.md", FILE, 400, "already exists"),
        (ALICE, "PUT /repository/files/no.txt", FILE, 400, "doesn't exist"),
        (ALICE, "PUT /repository/files/README.md", STALE, 400, "a file that has changed since"),
        (ALICE, "POST /repository/commits", CHMOD, 501, "the action 'chmod' of a commit"),
        (ALICE, "POST /milestones", {}, 400, "error: title is missing"),
        (ALICE, "PUT /issues/1", {"milestone_id": 9}, 400, "error: milestone_id is invalid"),
        (ALICE, "POST /merge_requests/1/unapprove", {}, 404, "404 Not Found"),
        (BOB, "POST /merge_requests/1/approve", {}, 403, "403 Forbidden"),
        (ALICE, "DELETE /issues", {}, 405, "error: 405 Not Allowed"),
        (ALICE, "PATCH /issues/1", {}, 405, "error: 405 Not Allowed"),
        (ALICE, "GET /issues?weight=1", {}, 501, "the parameter 'weight' of /projects/71/issues"),
        (ALICE, "GET /issues?not[weight]=1", {}, 501, "the parameter 'not[weight]'"),
        (ALICE, "GET /merge_requests?approved=yes", {}, 501, "the parameter 'approved'"),
        (ALICE, "GET /labels?with_counts=true", {}, 501, "the parameter 'with_counts'"),
        (ALICE, "GET /repository/commits?path=a", {}, 501, "the parameter 'path'"),
        (ALICE, "GET /repository/commits?ref_name=no", {}, 404, "Reference Not Found"),
        (ALICE, "GET //users?external=true", {}, 501, "the parameter 'external' of /users"),
        (ALICE, "GET //projects?topic=a", {}, 501, "the parameter 'topic' of /projects"),
        (ALICE, "GET /members?state=active", {}, 501, "the parameter 'state'"),
        (ALICE, "PUT /issues/1", {}, 400, "are missing, at least one parameter must be provided"),
        (ALICE, "PUT /issues/1", {"lables": "a"}, 400, "error: title, description, labels"),
        (ALICE, "PUT /merge_requests/1", {"lables": "a"}, 400, "at least one parameter"),
        (ALICE, "PUT /issues/1", {"epic_id": 1}, 501, "the field 'epic_id'"),
        (ALICE, "POST /issues", {"title": "x", "weight": 1}, 501, "the field 'weight'"),
        (ALICE, "PUT /issues/1", {"due_date": "soon"}, 400, "error: due_date is invalid"),
        (ALICE, "GET //users/99", {}, 404, "message: 404 User Not Found"),
        (ALICE, "GET //projects/9", {}, 404, "message: 404 Project Not Found"),
        (ALICE, "GET //projects/demo%2Fother/issues", {}, 404, "message: 404 Project Not Found"),
        (ALICE, "GET /issues/9", {}, 404, "message: 404 Not Found"),
        (ALICE, "GET /members/all/99", {}, 404, "message: 404 Not Found"),
        (ALICE, "POST /issues/9/notes", {"body": "?"}, 404, "message: 404 Not Found"),
        (ALICE, "POST /snippets/1/notes", {"body": "?"}, 404, "message: 404 Not Found"),
        (ALICE, "GET /issues/1/discussions/0", {}, 404, "message: 404 Discussion Not Found"),
        (ALICE, "GET /repository/commits/abc", {}, 404, "message: 404 Commit Not Found"),
        (ALICE, "GET /issues/nine", {}, 400, "error: issue_iid is invalid"),
        (ALICE, "GET /issues?page=x", {}, 400, "error: page is invalid"),
        (ALICE, "GET /issues?sort=up", {}, 400, "error: sort does not have a valid value"),
        (ALICE, "POST /issues", {}, 400, "error: title is missing"),
        (ALICE, "POST /issues", {"title": ["a"]}, 400, "error: title is invalid"),
        (ALICE, "POST /issues", {"title": {"a": 1}}, 400, "error: title is invalid"),
        (ALICE, "POST /issues", {"title": " "}, 400, "message: title: can't be blank"),
        (ALICE, "POST /issues", {"title": "x" * 256}, 400, "message: title: is too long"),
        (ALICE, "POST /issues/1/notes", {}, 400, "error: body is missing"),
        (ALICE, "POST /issues/1/notes", {"body": " "}, 400, "can't be blank"),
        (ALICE, "POST /issues/1/notes", {"body": "/label ~unknown"}, 400, NO_LABEL),
        (ALICE, "POST /issues/1/award_emoji", {"name": "not one"}, 404, NO_NAME),
        (ALICE, "POST /issues/1/award_emoji", {"name": "thumbs_upp"}, 404, NO_NAME),
        (ALICE, "POST /labels", {"name": "x", "color": "?"}, 400, "must be a valid color code"),
        (ALICE, "POST /labels", {"name": "bug", "color": "red"}, 409, "Label already exists"),
        (ALICE, "POST /merge_requests", MR, 409, TWIN),
        (ALICE, "POST /merge_requests", MR | {"source_branch": "main"}, 422, SAME_BRANCH),
        (ALICE, "POST /merge_requests", MR | {"target_branch": "no"}, 400, "does not exist"),
        (ALICE, "POST /hooks", {}, 400, "error: url is missing"),
        (ALICE, "POST /hooks", {"url": "not a url"}, 422, "error: Invalid url given"),
        (ALICE, "POST /hooks", {"url": "ftp://host"}, 422, "error: Invalid url given"),
        (ALICE, "POST /hooks", HOOK | {"signing_token": "x"}, 400, "signing_token: is invalid"),
        (ALICE, "POST /hooks", HOOK | {"issues_events": "?"}, 400, "issues_events is invalid"),
        (BOB, "PUT /issues/1", {"add_labels": "bug"}, 403, "message: 403 Forbidden"),
        (BOB, "PUT /issues/1/notes/1001", {"body": "?"}, 403, "message: 403 Forbidden"),
        (BOB, "DELETE /issues/1/notes/1001", {}, 403, "message: 403 Forbidden"),
        (BOB, "POST /issues/1/notes", {"body": "/close"}, 400, "Could not apply close command."),
        (BOB, "POST /labels", {"name": "x"}, 403, "message: 403 Forbidden"),
        (BOT, "GET /hooks", {}, 403, "message: 403 Forbidden"),
        (BOT, "POST /hooks", HOOK, 403, "message: 403 Forbidden"),
        (BOT, "PUT /merge_requests/1/merge", {}, 401, "message: 401 Unauthorized"),
    ],
)
def test_refuses(
    sandbox: Sandbox, connect: Connect, token: str, line: str, fields: Any, status: int, text: str
) -> None:
    sandbox.comment(sandbox.open_issue("Help"), "Hm")
    sandbox.open_merge_request("Fix it", source_branch="fix")
    method, path = line.split()
    path = path[1:] if path.startswith("//") else f"/projects/71{path}"
    answer = connect(token).request(method, path, json=fields)
    assert answer.status_code == status
    assert text in _flat(answer.json())
    assert sandbox.project.hooks == {}


def _flat(body: Any) -> str:
    """Return JSON as text: "message: title: is bad" for `{"message": {"title": ["is bad"]}}`."""
    if isinstance(body, dict):
        return ", ".join(f"{name}: {_flat(value)}" for name, value in body.items())
    return ", ".join(body) if isinstance(body, list) else str(body)
