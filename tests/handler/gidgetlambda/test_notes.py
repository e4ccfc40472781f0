import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import httpx
import pytest
from gidgetlambda import Event, GitLabAPI, GitLabException, markers
from gidgetlambda.notes import Origin

from infra.sandbox import Sandbox
from infra.sandbox.state import Issue
from tests.handler import payloads
from tests.handler.apis import BOT_ID, ScriptedGitLab, answer, for_run, observe, sandbox_api

Act = Callable[[GitLabAPI, str], Coroutine[Any, Any, Any]]

pytestmark = pytest.mark.anyio


@pytest.fixture
def issue(in_process: Sandbox) -> Issue:
    return in_process.open_issue("A bug")


@pytest.fixture
def path(issue: Issue) -> str:
    return f"/projects/71/issues/{issue.iid}"


@pytest.fixture
def gl(in_process: Sandbox) -> GitLabAPI:
    """The API in the run of the handler m:h on the delivery d-1."""
    return for_run(sandbox_api(in_process))


def bodies_on(noteable: Any) -> list[str]:
    return [note.body for note in noteable.notes if not note.system]


def texts_on(noteable: Any) -> list[str]:
    """Return the texts of the notes without their markers."""
    return [markers.without(body) for body in bodies_on(noteable)]


def noted(issue: Issue, **attributes: Any) -> Event:
    """Return the event of a comment on an issue."""
    data = payloads.note(issue={"iid": issue.iid})
    data["object_attributes"] |= attributes
    return Event(data, event="Note Hook", delivery_id="d-1")


def record_methods(gl: GitLabAPI) -> list[str]:
    """Return a list that grows by the method of each further request."""
    methods: list[str] = []

    async def record(request: httpx.Request) -> None:
        methods.append(request.method)

    observe(gl, record)
    return methods


# At most once


@pytest.mark.parametrize(
    ("acts", "texts"),
    [
        ([lambda gl, path: gl.comment(path, "one")] * 2, ["one"]),
        (
            [lambda gl, path: gl.comment(path, "one"), lambda gl, path: gl.comment(path, "two")],
            ["one", "two"],
        ),
        (
            [
                lambda gl, path: gl.comment(path, "1 s", key="time"),
                lambda gl, path: gl.comment(path, "2 s", key="time"),
            ],
            ["1 s"],
        ),
        (
            [
                lambda gl, path: gl.comment(path, "same", key="a"),
                lambda gl, path: gl.comment(path, "same", key="b"),
                lambda gl, path: gl.comment(path, "same"),
            ],
            ["same"] * 3,
        ),
        (
            [
                lambda gl, path: gl.comment(path, "/lgtm needs a maintainer"),
                lambda gl, path: gl.comment(path, "/lgtm needs a maintainer"),
                lambda gl, path: gl.comment(path.strip("/"), "/lgtm needs a maintainer"),
            ],
            ["/lgtm needs a maintainer"],
        ),
        (
            [
                lambda gl, path: gl.comment(path, "status", internal=True),
                lambda gl, path: gl.comment(path, "status"),
                lambda gl, path: gl.comment(path, "status", internal=True),
            ],
            ["status"] * 2,
        ),
        (
            [
                lambda gl, path: gl.comment(path, "1 of 2", update=True),
                lambda gl, path: gl.comment(path, "2 of 2", update=True),
                lambda gl, path: gl.comment(path, "a", update=True, key="other"),
                lambda gl, path: gl.comment(path, "b", update=True, key="other"),
                lambda gl, path: gl.comment(path, "private", update=True, internal=True),
            ],
            ["2 of 2", "b", "private"],
        ),
    ],
)
async def test_tries_of_one_task_post_each_note_once(
    gl: GitLabAPI, issue: Issue, path: str, acts: list[Act], texts: list[str]
) -> None:
    """Each act is the whole of one try, which may take another branch than the one before."""
    for act in acts:
        note = await act(for_run(gl), path)
        assert "gidgetlambda" not in note["body"]
    assert texts_on(issue) == texts
    assert all(markers.find(body) for body in bodies_on(issue))


async def test_a_reply_after_a_try_of_another_branch_is_posted(gl: GitLabAPI, issue: Issue) -> None:
    await gl.reply(noted(issue), "Preparing…")
    assert (await for_run(gl).reply(noted(issue), "Done"))["body"] == "Done"
    assert texts_on(issue) == ["Preparing…", "Done"]


async def test_posts_another_comment_for_another_delivery_or_handler(
    gl: GitLabAPI, issue: Issue, path: str
) -> None:
    await gl.comment(path, "one")
    await for_run(gl, delivery="d-2").comment(path, "one")
    await for_run(gl, handler="m:other").comment(path, "one")
    assert texts_on(issue) == ["one"] * 3


async def test_one_run_posts_a_text_once_and_refuses_a_second_use_of_a_key(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue, path: str
) -> None:
    await asyncio.gather(*(gl.comment(path, "text") for _ in range(3)))
    await gl.comment(path, "a", key="k")
    await gl.comment(f"/projects/71/issues/{in_process.open_issue('B').iid}", "a", key="k")
    for _ in range(2):
        await gl.comment(path, "standing", key="k", update=True)
    with pytest.raises(ValueError, match="the key 'k' was used before"):
        await gl.reply(noted(issue), "b", key="k")
    assert texts_on(issue) == ["text", "a", "standing"]


async def test_looks_for_a_comment_for_60_days_and_for_a_standing_one_forever(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue, path: str
) -> None:
    await gl.comment(path, "standing", update=True)
    for number in range(250):
        in_process.comment(issue, str(number))
    for note in issue.notes:
        note.created_at -= timedelta(days=61)
    methods = record_methods(gl)
    await gl.comment(path, "Thanks!")
    await gl.comment(path, "Thanks!")
    assert methods == ["GET", "POST", "GET"]
    await gl.comment(path, "standing", update=True)
    assert texts_on(issue).count("standing") == 1


@pytest.mark.parametrize("update", [False, True])
async def test_comments_once_on_every_target(
    gl: GitLabAPI, in_process: Sandbox, update: bool
) -> None:
    merge_request = in_process.open_merge_request("A change")
    (commit,) = in_process.push("main", "A commit")
    (snippet,) = in_process.project.snippets.values()
    targets = {
        f"/projects/71/merge_requests/{merge_request.iid}": merge_request,
        f"/projects/71/repository/commits/{commit.sha}": commit,
        f"/projects/71/snippets/{snippet.id}": snippet,
    }
    for path, target in targets.items():
        for _ in range(2):
            await gl.comment(path, "Thanks!", update=update)
        assert texts_on(target) == ["Thanks!"]


@pytest.mark.parametrize(
    "item",
    [
        None,
        5,
        [],
        {},
        {"id": 1, "body": "x", "author": None},
        {"id": 1, "body": "x", "author": "bob"},
        {"id": 1, "body": None, "author": {"id": BOT_ID}},
        {"id": 1, "author": {"id": BOT_ID}, "created_at": 5},
        {"body": "own", "author": {"id": BOT_ID}},
        {"id": None, "body": "own", "author": {"id": BOT_ID}},
    ],
)
@pytest.mark.parametrize("path", ["/projects/1/issues/2", "/projects/1/repository/commits/abc"])
async def test_skips_malformed_notes(path: str, item: Any) -> None:
    identity = Origin("d-1", "m:h", BOT_ID).once(path, "text", "Thanks!")
    own = {"id": 5, "author": {"id": BOT_ID}, "body": markers.mark("Thanks!", identity)}
    if isinstance(item, dict) and item.get("body") == "own":
        item = item | {"body": own["body"]}
    items: list[Any] = [item, own]
    if "commits" in path:
        items = [item, {"id": "a", "notes": None}, {"id": "b", "notes": items}]
    note = await for_run(ScriptedGitLab(answer(200, items)).api()).comment(path, "Thanks!")
    assert (note["id"], note["body"]) == (5, "Thanks!")


# Standing comments


async def test_edits_a_standing_comment_in_place(gl: GitLabAPI, issue: Issue, path: str) -> None:
    await gl.comment(path, "1 of 2", update=True)
    for_run(gl, delivery="d-2")
    await gl.comment(path, "2 of 2", update=True)
    await gl.comment(path, "once")
    await for_run(gl, handler="m:other").comment(path, "another's", update=True)
    assert texts_on(issue) == ["2 of 2", "once", "another's"]


async def test_does_not_write_an_unchanged_standing_comment(gl: GitLabAPI, path: str) -> None:
    await gl.comment(path, "same", update=True)
    methods = record_methods(gl)
    await for_run(gl, delivery="d-2").comment(path, "same", update=True)
    assert methods == ["GET"]


async def test_keeps_the_text_below_the_marker(gl: GitLabAPI, issue: Issue, path: str) -> None:
    await gl.comment(path, "1 of 2", update=True)
    issue.notes[0].body += "\r\n\r\nSomebody's addition"
    note = await for_run(gl, delivery="d-2").comment(path, "2 of 2", update=True)
    assert note["body"] == "2 of 2\n\nSomebody's addition"
    assert texts_on(issue) == ["2 of 2\n\nSomebody's addition"]


@pytest.mark.parametrize("on", ["issue", "commit"])
async def test_a_race_leaves_one_standing_comment(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue, path: str, on: str
) -> None:
    target: Any = issue
    if on == "commit":
        (target,) = in_process.push("main", "A commit")
        path = f"/projects/71/repository/commits/{target.sha}"
    other = for_run(sandbox_api(in_process), delivery="d-2")

    async def be_second(request: httpx.Request) -> None:
        if request.method == "POST" and not target.notes:
            await other.comment(path, "first", update=True)

    observe(gl, be_second)
    await gl.comment(path, "second", update=True)
    assert texts_on(target) == ["second"]
    runs = [for_run(sandbox_api(in_process), delivery=f"d-{number}") for number in range(5)]
    target.notes.clear()
    await asyncio.gather(*(run.comment(path, "status", update=True) for run in runs))
    assert texts_on(target) == ["status"]


# Markers


@pytest.mark.parametrize("standing", [True, False])
async def test_ignores_a_marker_that_somebody_else_wrote(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue, path: str, standing: bool
) -> None:
    origin = Origin("d-1", "m:h", BOT_ID)
    forged = origin.standing(path, "") if standing else origin.once(path, "text", "Thanks!")
    in_process.comment(issue, f"Not the bot\n\n<!-- gidgetlambda {forged} -->", by="alice")
    await gl.comment(path, "Thanks!", update=standing)
    assert texts_on(issue) == ["Not the bot", "Thanks!"]


MARKER = f"<!-- gidgetlambda {'0' * 32} -->"


@pytest.mark.parametrize(
    ("method", "path", "field", "kept"),
    [
        ("POST", "issues/23/notes", "body", True),
        ("POST", "issues/23/notes/", "body", True),
        ("POST", "merge_requests/7/discussions", "body", True),
        ("POST", "merge_requests/7/discussions/6a9c/notes", "body", True),
        ("POST", "merge_requests/7/draft_notes", "note", True),
        ("POST", "snippets/1/notes", "body", True),
        ("POST", "repository/commits/da1560/comments", "note", True),
        ("POST", "repository/commits/da1560/discussions", "body", True),
        ("POST", "issues", "description", True),
        ("POST", "merge_requests", "description", True),
        ("POST", "milestones", "description", False),
        ("POST", "issues/23/notes/5/award_emoji", "body", False),
        ("PUT", "issues/23/notes/5", "body", False),
        ("PATCH", "merge_requests/7/discussions/6a9c/notes/5", "body", False),
        ("PUT", "issues/23", "description", False),
    ],
)
@pytest.mark.parametrize("by_query", [False, True])
async def test_removes_foreign_markers_from_each_text_and_adds_its_own_to_a_created_one(
    method: str, path: str, field: str, kept: bool, by_query: bool
) -> None:
    for in_run in (True, False):
        gitlab = ScriptedGitLab(answer(200, {"author": {"id": 2}, field: f"x\n\n{MARKER}"}))
        gl = for_run(gitlab.api()) if in_run else gitlab.api()
        given = {field: f"> quoted {MARKER}", "other": MARKER}
        query, data = (given, b"") if by_query else ({}, given)
        await gl._write(method, f"/projects/71/{path}", query, data)
        request = gitlab.requests[-1]
        sent = dict(request.url.params) if by_query else json.loads(request.content)
        assert sent["other"] == MARKER
        identity = Origin("d-1", "m:h", BOT_ID).note_identity if in_run and kept else None
        assert (markers.without(sent[field]).rstrip(), markers.find(sent[field])) == (
            "> quoted",
            identity,
        )


@pytest.mark.parametrize("data", [b"", None, [1], "text", {}, {"description": None}])
async def test_each_opened_issue_gets_a_description_with_a_marker(data: Any) -> None:
    gitlab = ScriptedGitLab(answer(201, {}))
    await for_run(gitlab.api()).post("/projects/1/issues?title=A", data=data)
    (request,) = gitlab.requests
    sent = json.loads(request.content or b"{}")
    fields = dict(request.url.params) | (sent if isinstance(sent, dict) else {})
    assert markers.find(fields["description"]) is not None


@pytest.mark.parametrize("data", [None, [1], "text", {"body": None}, {"body": 1}])
async def test_leaves_other_data_unchanged(data: Any) -> None:
    gitlab = ScriptedGitLab(answer(201, {}))
    await for_run(gitlab.api()).post("/projects/1/issues/2/notes", data=data)
    assert json.loads(gitlab.requests[0].content) == data


async def test_an_edit_of_an_own_note_keeps_its_identity(
    gl: GitLabAPI, issue: Issue, path: str
) -> None:
    note = await gl.comment(path, "one", key="k")
    note_path = f"{path}/notes/{note['id']}"
    issue.notes[0].body += "\nbelow"
    for _ in range(3):
        read = await gl.getitem(note_path)
        assert markers.find(read["body"]) is not None
        edited = await gl.put(note_path, data={"body": read["body"].replace("one", "two")})
        assert "gidgetlambda" not in edited["body"]
        await gl.put(note_path, {"body": "two"})
    assert (await for_run(gl).comment(path, "three", key="k"))["id"] == note["id"]
    assert issue.notes[0].body.count("gidgetlambda") == 1
    assert texts_on(issue) == ["two\nbelow"]


async def test_an_edit_of_somebodys_note_adds_no_marker(in_process: Sandbox, issue: Issue) -> None:
    note = in_process.comment(issue, f"spam\n\n{MARKER}\nspam", by="bob")
    gl = for_run(sandbox_api(in_process, "sandbox-alice-token"))
    await gl.put(f"/projects/71/issues/{issue.iid}/notes/{note.id}", data={"body": "[removed]"})
    assert bodies_on(issue) == ["[removed]"]


# Quick actions


async def test_quick_actions_alone_create_no_note(gl: GitLabAPI, issue: Issue, path: str) -> None:
    await gl.comment(path, "/CLOSE\r\n")
    await gl.comment(path, "/label ~bug", update=True)
    await gl.post(f"{path}/notes", data={"body": f"{MARKER}\n/unlabel ~bug"})
    assert issue.state == "closed"
    assert bodies_on(issue) == []


@pytest.mark.parametrize("resource", ["notes", "discussions"])
async def test_a_note_from_quick_actions_that_gitlab_does_not_know_gets_its_marker(
    gl: GitLabAPI, issue: Issue, path: str, resource: str
) -> None:
    await gl.post(f"{path}/{resource}", data={"body": "/iteration next"})
    assert texts_on(issue) == ["/iteration next"]
    assert all(markers.find(body) for body in bodies_on(issue))


async def test_quick_actions_on_a_snippet_are_a_note_with_a_marker(
    gl: GitLabAPI, in_process: Sandbox
) -> None:
    (snippet,) = in_process.project.snippets.values()
    methods = record_methods(gl)
    for _ in range(2):
        await gl.comment(f"/projects/71/snippets/{snippet.id}", "/close")
    assert methods == ["GET", "POST", "GET"]
    assert texts_on(snippet) == ["/close"]


# Internal notes and discussions


@pytest.mark.parametrize(
    ("attributes", "asked", "internal"),
    [
        ({}, None, False),
        ({"internal": True}, None, True),
        ({"confidential": True}, None, True),
        ({"internal": True}, False, False),
        ({}, True, True),
    ],
)
async def test_a_reply_is_as_internal_as_the_note(
    gl: GitLabAPI, issue: Issue, attributes: dict[str, Any], asked: bool | None, internal: bool
) -> None:
    for _ in range(2):
        await gl.reply(noted(issue, **attributes), "Hello", internal=asked)
    assert [note.internal for note in issue.notes] == [internal]


async def test_a_reply_in_the_thread_is_posted_once_in_the_discussion(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue
) -> None:
    note = in_process.comment(issue, "Why?", internal=True)
    event = noted(issue, discussion_id=note.discussion_id, internal=True)
    for _ in range(2):
        assert (await for_run(gl).reply(event, "Because.", thread=True))["body"] == "Because."
        await gl.reply(event, "1 s", key="time", thread=True)
    await gl.reply(event, "Because.")
    assert texts_on(issue) == ["Why?", "Because.", "1 s", "Because."]
    ids = [one.discussion_id == note.discussion_id for one in issue.notes]
    assert ids == [True, True, True, False]
    assert all(one.internal for one in issue.notes)


async def test_a_thread_outside_of_a_note_event_is_a_plain_comment(
    gl: GitLabAPI, issue: Issue
) -> None:
    opened = Event(payloads.issue(iid=issue.iid), event="Issue Hook", delivery_id="d-1")
    for _ in range(2):
        await gl.reply(opened, "Hello", thread=True)
    assert texts_on(issue) == ["Hello"]


async def test_refuses_to_publish_an_internal_text(gl: GitLabAPI, issue: Issue) -> None:
    with pytest.raises(ValueError, match="public discussion"):
        await gl.reply(noted(issue, discussion_id="6a9c"), "Hello", thread=True, internal=True)
    for path in ("/projects/71/snippets/1", "/projects/71/repository/commits/abc"):
        with pytest.raises(ValueError, match="no internal notes on commits and snippets"):
            await gl.comment(path, "Hello", internal=True)


# Issues


async def test_opens_an_issue_once(gl: GitLabAPI, in_process: Sandbox) -> None:
    for _ in range(2):
        for_run(gl)
        opened = await gl.open_issue("demo/playground", "A", "Text", key="a")
        await gl.open_issue(71, "B", "", key="b")
        assert opened["description"] == "Text"
        await gl.put(f"/projects/71/issues/{opened['iid']}", data={"description": "Text"})
    await for_run(gl, delivery="d-2").open_issue("demo%2Fplayground", "A", "Text", key="a")
    with pytest.raises(ValueError, match="the key 'a' was used before"):
        await gl.open_issue("demo/playground", "A", "Text", key="a")
    issues = in_process.project.issues.values()
    assert [issue.title for issue in issues] == ["A", "B", "A"]
    assert all(issue.description.endswith(" -->") for issue in issues)


async def test_looks_only_for_own_issues_since_the_delivery() -> None:
    gitlab = ScriptedGitLab(answer(200, [None, {"id": 1}]), answer(201, {"id": 2}))
    gl = gitlab.api()
    gl.act_for(Origin("d-1", "m:h", BOT_ID, received=1_800_000_000))
    await gl.open_issue("group/project", "A", "", key="a")
    request = gitlab.requests[0]
    assert request.url.raw_path.startswith(b"/api/v4/projects/group%2Fproject/issues?")
    assert dict(request.url.params) == {
        "author_id": str(BOT_ID),
        "created_after": "2027-01-07T08:00:00+00:00",  # GitLab resends for a week
        "scope": "all",
        "per_page": "100",
    }


# Scripts


async def test_a_script_posts_each_text_without_a_marker(
    in_process: Sandbox, issue: Issue, path: str
) -> None:
    gl = sandbox_api(in_process)
    for _ in range(2):
        await gl.comment(path, f"Hi {MARKER}", key="k")
        await gl.open_issue(71, "A", "Text", key="k")
    assert bodies_on(issue) == ["Hi ", "Hi "]
    assert [one.description for one in in_process.project.issues.values()] == ["", "Text", "Text"]
    with pytest.raises(GitLabException, match="omit `update` in a script"):
        await gl.comment(path, "Hi", update=True)
