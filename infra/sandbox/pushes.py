"""Pushes to branches and tags, without git: commits in memory, and the hooks that hear of them."""

from . import payloads
from .acting import Acting
from .state import Commit, Project


def push(acting: Acting, project: Project, branch: str, messages: list[str]) -> list[Commit]:
    """Push a commit for each message to a branch, which is made if there is none."""
    before = project.branches.get(branch, payloads.NO_COMMIT)
    commits = [
        acting.instance.add_commit(
            project, branch, message, author=acting.user, modified=("README.md",)
        )
        for message in messages
    ]
    acting.instance.touch()
    tell(acting, project, branch=branch, before=before, commits=commits)
    return commits


def tag(acting: Acting, project: Project, name: str) -> None:
    """Tag the head of the default branch."""
    after = project.branches[project.default_branch]
    acting.fire(
        project,
        "tag_push_events",
        lambda: payloads.push_event(
            acting.instance,
            project,
            ref=f"refs/tags/{name}",
            before=payloads.NO_COMMIT,
            after=after,
            commits=[project.commits[after]],
            by=acting.user,
        ),
    )


def tell(
    acting: Acting, project: Project, *, branch: str, before: str, commits: list[Commit]
) -> None:
    """Fire the push hooks for commits that are already on a branch."""
    acting.fire(
        project,
        "push_events",
        lambda: payloads.push_event(
            acting.instance,
            project,
            ref=f"refs/heads/{branch}",
            before=before,
            after=commits[-1].sha,
            commits=commits,
            by=acting.user,
        ),
    )
