"""The sandbox, driven by python-gitlab: a client that nobody wrote for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import gitlab
import pytest

from infra.sandbox import ALICE_TOKEN, BOT_TOKEN, Sandbox

if TYPE_CHECKING:
    from tests.infra.sandbox.conftest import HookReceiver


@pytest.fixture
def client(sandbox: Sandbox) -> gitlab.Gitlab:
    return gitlab.Gitlab(sandbox.url, private_token=ALICE_TOKEN)


@pytest.fixture
def project(client: gitlab.Gitlab) -> Any:
    return client.projects.get("demo/playground")


def test_finds_the_user_the_project_and_its_members(client: gitlab.Gitlab, project: Any) -> None:
    client.auth()
    assert client.user is not None
    assert client.user.username == "alice"
    assert [each.id for each in client.projects.list(search="play", get_all=True)] == [project.id]
    assert [each.id for each in client.users.list(username="bob", get_all=True)] == [3]
    assert project.members_all.get(2).access_level == gitlab.const.AccessLevel.MAINTAINER
    assert len(project.members.list(get_all=True)) == 4
    assert client.version()[0] == "19.6.0"


def test_opens_labels_finds_and_closes_an_issue(project: Any) -> None:
    milestone = project.milestones.create({"title": "v1", "due_date": "2026-12-24"})
    issue = project.issues.create(
        {"title": "Help", "labels": ["bug"], "assignee_ids": [2], "milestone_id": milestone.id}
    )
    project.issues.create({"title": "Other", "description": "No label"})
    assert (issue.labels, issue.milestone["title"]) == (["bug"], "v1")
    for query, found in (
        ({"labels": ["bug"]}, ["Help"]),
        ({"not[labels]": "bug"}, ["Other"]),
        ({"milestone": "v1"}, ["Help"]),
        ({"assignee_id": "None"}, ["Other"]),
        ({"iids": [1, 2], "order_by": "created_at", "sort": "asc"}, ["Help", "Other"]),
        ({"updated_before": "2020-01-01"}, []),
    ):
        listed = project.issues.list(get_all=True, **query)
        assert [each.title for each in listed] == found, query
    issue.state_event = "close"
    issue.labels = ["docs"]
    issue.save()
    assert project.issues.get(1).attributes["state"] == "closed"
    issue.notes.create({"body": "Done"})
    discussion = issue.discussions.create({"body": "Why?"})
    discussion.notes.create({"body": "Because"})
    notes = issue.notes.list(sort="asc", get_all=True)
    assert [note.body for note in notes] == ["Done", "Why?", "Because"]
    issue.awardemojis.create({"name": "tada"})
    assert [award.name for award in issue.awardemojis.list(get_all=True)] == ["tada"]
    milestone.state_event = "close"
    milestone.save()
    assert project.milestones.list(state="closed", get_all=True)[0].title == "v1"


def test_changes_files_and_merges_them(project: Any) -> None:
    project.branches.create({"branch": "fix", "ref": "main"})
    written = {"branch": "fix", "commit_message": "Add a module", "content": "a = 1\n"}
    project.files.create({"file_path": "src/a.py", **written})
    file = project.files.get("src/a.py", ref="fix")
    assert file.decode() == b"a = 1\n"
    file.content = "a = 2\n"
    file.save(branch="fix", commit_message="Change it")
    assert project.files.raw("src/a.py", ref="fix") == b"a = 2\n"
    actions = [
        {"action": "create", "file_path": "b.py", "content": "b = 1\n"},
        {"action": "delete", "file_path": "README.md"},
    ]
    last = project.commits.create({"branch": "fix", "commit_message": "More", "actions": actions})
    assert last.title == "More"
    project.issues.create({"title": "Help"})
    fields = {"source_branch": "fix", "target_branch": "main", "title": "A fix"}
    merge_request = project.mergerequests.create({**fields, "description": "Closes #1"})
    changes = merge_request.changes()["changes"]
    assert [each["new_path"] for each in changes] == ["README.md", "b.py", "src/a.py"]
    assert changes[0]["deleted_file"] is True
    assert "-# Playground" in changes[0]["diff"]
    titles = [each.title for each in merge_request.commits()]
    assert titles == ["More", "Change it", "Add a module"]
    assert [each.title for each in merge_request.closes_issues()] == ["Help"]
    refs = project.mergerequests.get(1).diff_refs
    assert (refs["head_sha"], refs["base_sha"] != refs["head_sha"]) == (last.id, True)
    merge_request.merge(should_remove_source_branch=True)
    assert project.issues.get(1).state == "closed"
    assert [each.name for each in project.branches.list(get_all=True)] == ["main"]
    assert len(project.mergerequests.get(1).changes()["changes"]) == 3


def test_approves_rebases_and_cherry_picks(project: Any, sandbox: Sandbox) -> None:
    sandbox.open_merge_request("A change", by="bob", source_branch="fix")
    merge_request = project.mergerequests.get(1)
    before = merge_request.sha
    assert merge_request.detailed_merge_status == "mergeable"
    merge_request.approve()
    assert merge_request.approvals.get().user_has_approved is True
    merge_request.unapprove()
    assert merge_request.approvals.get().approved_by == []
    assert merge_request.rebase() == {"rebase_in_progress": True}
    assert project.mergerequests.get(1).sha != before
    project.branches.create({"branch": "stable", "ref": "main"})
    project.commits.get(before).cherry_pick(branch="stable")
    assert project.commits.list(ref_name="stable", get_all=True)[0].title == "A change"


def test_reads_and_retries_the_jobs_of_a_pipeline(project: Any, sandbox: Sandbox) -> None:
    merge_request = sandbox.open_merge_request("A change", source_branch="fix")
    jobs = {"lint": "success", "test": "failed"}
    pipeline_id = sandbox.run_pipeline("fix", jobs, trace="E   assert 1 == 2\n").id
    pipeline = project.pipelines.get(pipeline_id)
    assert (pipeline.status, pipeline.ref) == ("failed", "fix")
    assert project.mergerequests.get(merge_request.iid).head_pipeline["status"] == "failed"
    (failed,) = pipeline.jobs.list(scope=["failed"], get_all=True)
    job = project.jobs.get(failed.id)
    assert job.trace() == b"E   assert 1 == 2\n"
    job.retry()
    assert project.pipelines.get(pipeline_id).status == "pending"
    pipeline.cancel()
    assert project.pipelines.list(status="canceled", get_all=True)[0].id == pipeline_id
    assert project.pipelines.create({"ref": "main"}).source == "api"


def test_each_change_sends_its_webhook(
    project: Any, sandbox: Sandbox, receiver: HookReceiver
) -> None:
    merge_request = sandbox.open_merge_request("A change", by="bob", source_branch="fix")
    sandbox.add_hook(receiver.url)
    theirs = project.mergerequests.get(merge_request.iid)
    milestone = project.milestones.create({"title": "v1"})
    steps: list[tuple[Any, set[str]]] = [
        (theirs.approve, {"merge_request"}),
        (theirs.rebase, {"push", "merge_request"}),
        (milestone.delete, {"milestone"}),
        (lambda: project.pipelines.create({"ref": "fix"}), {"build", "pipeline"}),
        (lambda: project.branches.create({"branch": "x", "ref": "main"}), {"push"}),
        (lambda: project.branches.delete("x"), {"push"}),
    ]
    sandbox.settle()
    for step, kinds in steps:
        receiver.got.clear()
        step()
        sandbox.settle()
        assert {each.data["object_kind"] for each in receiver.got} == kinds


def test_names_what_it_does_not_have(sandbox: Sandbox) -> None:
    bot = gitlab.Gitlab(sandbox.url, private_token=BOT_TOKEN)
    with pytest.raises(gitlab.exceptions.GitlabHttpError, match="does not have GET /topics/1"):
        bot.http_get("/topics/1")
