"""Changes to branches and tags, each with its webhooks.

Nothing here checks the user's permission; the API does.
"""

from collections.abc import Iterable, Mapping

from . import payloads
from .actor import Actor
from .issuables import fire_push, move_head, readme
from .state import Commit, Project


def push(actor: Actor, project: Project, branch: str, messages: Iterable[str]) -> list[Commit]:
    """Push a commit for each message to a branch, which is created if it does not exist."""
    before = project.branches.get(branch, payloads.NO_COMMIT)
    commits = [
        _add(actor, project, branch, message, readme(project, message, branch))
        for message in messages
    ]
    _moved(actor, project, branch, before, commits)
    return commits


def commit(
    actor: Actor, project: Project, branch: str, message: str, changes: Mapping[str, str | None]
) -> Commit:
    """Push one commit with changes of files; `None` deletes a file."""
    before = project.branches.get(branch, payloads.NO_COMMIT)
    made = _add(actor, project, branch, message, changes)
    _moved(actor, project, branch, before, [made])
    return made


def create(actor: Actor, project: Project, branch: str, sha: str) -> None:
    project.branches[branch] = sha
    fire_push(actor, project, f"refs/heads/{branch}", payloads.NO_COMMIT, sha, [])


def delete(actor: Actor, project: Project, branch: str) -> None:
    sha = project.branches.pop(branch)
    fire_push(actor, project, f"refs/heads/{branch}", sha, payloads.NO_COMMIT, [])


def tag(actor: Actor, project: Project, name: str) -> None:
    """Tag the head of the default branch."""
    head = project.commits[project.branches[project.default_branch]]
    fire_push(actor, project, f"refs/tags/{name}", payloads.NO_COMMIT, head.sha, [head])


def _add(
    actor: Actor, project: Project, branch: str, message: str, changes: Mapping[str, str | None]
) -> Commit:
    return actor.instance.add_commit(project, branch, message, author=actor.user, changes=changes)


def _moved(actor: Actor, project: Project, branch: str, before: str, commits: list[Commit]) -> None:
    after = commits[-1].sha
    fire_push(actor, project, f"refs/heads/{branch}", before, after, commits)
    for merge_request in project.merge_requests.values():
        if merge_request.source_branch == branch and merge_request.state == "opened":
            move_head(actor, merge_request, after)
