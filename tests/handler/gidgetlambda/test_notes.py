import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
from gidgetlambda import GitLabAPI, GitLabException, markers
from gidgetlambda.notes import Origin

from infra.sandbox import Sandbox
from infra.sandbox.state import Issue
from tests.handler.apis import BOT_ID, ScriptedGitLab, answer, for_run, sandbox_api

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


def texts_on(noteable: Any) -> list[str]:
    """Return the texts of the notes without their markers."""
    notes = [note.body for note in noteable.notes if not note.system]
    return [body.partition("\n\n<!-- gidgetlambda ")[0] for body in notes]


def record_methods(gl: GitLabAPI) -> list[str]:
    """Return a list that grows by the method of each further request."""
    methods: list[str] = []

    async def record(request: httpx.Request) -> None:
        methods.append(request.method)

    gl._client.event_hooks["request"].append(record)
    return methods


# At most once


async def test_posts_a_comment_once(gl: GitLabAPI, issue: Issue, path: str) -> None:
    notes = [await gl.comment(path, "Thanks!") for _ in range(3)]
    assert texts_on(issue) == ["Thanks!"]
    assert len({note["id"] for note in notes}) == 1


async def test_posts_another_comment_for_another_delivery_handler_or_key(
    gl: GitLabAPI, issue: Issue, path: str
) -> None:
    await gl.comment(path, "one")
    await gl.comment(path, "two", key="k")
    await for_run(gl, delivery="d-2").comment(path, "three")
    await for_run(gl, handler="m:other").comment(path, "four")
    assert texts_on(issue) == ["one", "two", "three", "four"]


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


async def test_comments_once_on_every_target(gl: GitLabAPI, in_process: Sandbox) -> None:
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
            await gl.comment(path, "Thanks!")
        assert texts_on(target) == ["Thanks!"]


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


async def test_edits_a_standing_comment_on_a_commit_in_its_discussion() -> None:
    """Scripted, because the sandbox has no endpoint that edits a note in a discussion."""
    path = "/projects/1/repository/commits/abc1234"
    identity = Origin("d-0", "m:h", BOT_ID).comment_identity(path, "", standing=True)
    note = {"id": 5, "author": {"id": BOT_ID}, "body": markers.mark("1 of 2", identity)}
    gitlab = ScriptedGitLab(answer(200, [{"id": "6a9c", "notes": [note]}]), answer(200, {"id": 5}))
    await for_run(gitlab.api()).comment(path, "2 of 2", update=True)
    request = gitlab.requests[-1]
    assert request.method == "PUT"
    assert request.url.path.endswith("/commits/abc1234/discussions/6a9c/notes/5")
    assert markers.find(json.loads(request.content)["body"]) == identity


# Markers


@pytest.mark.parametrize("standing", [True, False])
async def test_ignores_a_marker_that_somebody_else_wrote(
    gl: GitLabAPI, in_process: Sandbox, issue: Issue, path: str, standing: bool
) -> None:
    forged = Origin("d-1", "m:h", BOT_ID).comment_identity(path, "", standing=standing)
    in_process.comment(issue, f"Not the bot\n\n<!-- gidgetlambda {forged} -->", by="alice")
    await gl.comment(path, "Thanks!", update=standing)
    assert texts_on(issue) == ["Not the bot", "Thanks!"]


async def test_quick_actions_alone_create_no_note(gl: GitLabAPI, issue: Issue, path: str) -> None:
    await gl.comment(path, "/close")
    assert issue.state == "closed"
    assert texts_on(issue) == []


async def test_marks_every_note_of_a_run_whichever_method_posts_it(
    gl: GitLabAPI, issue: Issue, path: str
) -> None:
    note = await gl.post(f"{path}/notes", data={"body": "by post"})
    await gl.post(f"{path}/notes", {"body": "by query"}, data=b"")
    await gl.post(f"{path}/discussions", data={"body": "a discussion"})
    await gl.put(f"{path}/notes/{note['id']}", data={"body": "by put"})
    assert texts_on(issue) == ["by put", "by query", "a discussion"]
    assert all(markers.find(note.body) for note in issue.notes)


# Scripts


async def test_a_script_posts_each_comment_without_a_marker(
    in_process: Sandbox, issue: Issue, path: str
) -> None:
    gl = sandbox_api(in_process)
    for _ in range(2):
        await gl.comment(path, "Hi")
    assert [note.body for note in issue.notes] == ["Hi", "Hi"]
    with pytest.raises(GitLabException, match="omit `update` in a script"):
        await gl.comment(path, "Hi", update=True)
