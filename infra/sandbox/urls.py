"""Where things are found on the instance: their addresses on the web, and in the API."""

from urllib.parse import urlsplit

from .state import Commit, Instance, Issue, MergeRequest, Note, Project, Snippet, User


def web_url(
    instance: Instance, thing: Project | User | Issue | MergeRequest | Snippet | Commit | Note
) -> str:
    """The address a person opens."""
    match thing:
        case User():
            return f"{instance.url}/{thing.username}"
        case Project():
            return f"{instance.url}/{thing.path_with_namespace}"
        case Issue():
            return f"{web_url(instance, thing.project)}/-/issues/{thing.iid}"
        case MergeRequest():
            return f"{web_url(instance, thing.project)}/-/merge_requests/{thing.iid}"
        case Snippet():
            return f"{web_url(instance, thing.project)}/-/snippets/{thing.id}"
        case Commit():
            return f"{web_url(instance, thing.project)}/-/commit/{thing.sha}"
        case Note():
            return f"{web_url(instance, thing.noteable)}#note_{thing.id}"


def api_url(instance: Instance, path: str) -> str:
    """The address of an API resource; `path` begins with a slash."""
    return f"{instance.url}/api/v4{path}"


def avatar_url(instance: Instance, user: User) -> str:
    return f"{instance.url}/uploads/-/system/user/avatar/{user.id}/avatar.png"


def clone_urls(instance: Instance, project: Project) -> tuple[str, str]:
    """The project's addresses for git: over SSH, and over HTTP."""
    host = urlsplit(instance.url).hostname
    path = project.path_with_namespace
    return f"git@{host}:{path}.git", f"{instance.url}/{path}.git"
