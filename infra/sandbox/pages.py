"""Read-only HTML pages that show the state of a sandbox, at GitLab's addresses."""

from collections.abc import Iterable
from html import escape
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from .state import HookEvent, Instance, Issuable, Note, Project

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem;
       color: #1f1e24; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem }
article { border: 1px solid #dcdcde; border-radius: 6px; padding: .75rem 1rem; margin: 1rem 0 }
.meta { color: #626168; font-size: .875rem } .label { border: 1px solid #89888d;
       border-radius: 1rem; padding: 0 .6rem; font-size: .8rem }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .25rem 0 }
table { border-collapse: collapse } td, th { text-align: left; padding: .2rem 1rem .2rem 0 }
a { color: #1f75cb }
.banner { background: #fcf1ef; border-left: 4px solid #dd2b0e; padding: .75rem }
"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
_NONE = "<p>None yet.</p>"


def routes(instance: Instance) -> list[BaseRoute]:
    """Return the route of all pages, which need no authentication."""

    def page(request: Request) -> Response:
        with instance.changed:
            content = _content(instance, unquote(request.path_params["path"]))
            home = escape(instance.url)
        html = (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>Sandbox GitLab</title><style>{_STYLE}</style>"
            f'<p class="meta"><a href="{home}/">Sandbox GitLab</a></p>'
            f"{content or '<p>This page does not exist.</p>'}</html>"
        )
        return HTMLResponse(html, 200 if content else 404, _HEADERS)

    return [Route("/{path:path}", page)]


def _content(instance: Instance, path: str) -> str | None:
    """Return the content of a page: all projects, a project, an issue or a merge request."""
    if not path:
        return "".join(map(_project, instance.projects.values()))
    project_path, _, rest = path.partition("/-/")
    project = instance.project(project_path)
    if project and not rest:
        return _project(project)
    for each in project.issuables if project else ():
        if rest == f"{each.resource}/{each.iid}":
            return _issuable(each)
    return None


def _project(project: Project) -> str:
    events = [event for hook in project.hooks.values() for event in hook.events]
    return (
        f"<h1>{_link(project.web_url, project.path_with_namespace)}</h1>"
        f"{''.join(map(_banner, sorted(project.banners)))}"
        f"<p>{escape(project.description)}</p>"
        f"<h2>Issues</h2>{_list(project.issues.values())}"
        f"<h2>Merge requests</h2>{_list(project.merge_requests.values())}"
        f"<h2>Webhook deliveries</h2>{_events(events)}"
    )


def _banner(text: str) -> str:
    return f'<p class="banner" role="alert">{escape(text)}</p>'


def _list(issuables: Iterable[Issuable]) -> str:
    rows = [
        f"<li>{_link(each.web_url, f'{each.reference} {each.title}')} "
        f'<span class="meta">{escape(each.state)}, by @{escape(each.author.username)}, '
        f"{sum(not note.system for note in each.notes)} comments</span></li>"
        for each in issuables
    ]
    return f"<ul>{''.join(reversed(rows))}</ul>" if rows else _NONE


def _events(events: list[HookEvent]) -> str:
    rows = [
        f"<tr><td>{escape(each.headers['X-Gitlab-Event'])}</td>"
        f"<td>{escape(each.response_status)}</td>"
        f"<td>{each.execution_duration * 1000:.0f} ms</td><td>{escape(each.url)}</td></tr>"
        for each in events[-20:]
    ]
    head = "<tr><th>Event</th><th>Response</th><th>Duration</th><th>URL</th></tr>"
    return f"<table>{head}{''.join(reversed(rows))}</table>" if rows else _NONE


def _issuable(issuable: Issuable) -> str:
    labels = " ".join(f'<span class="label">{escape(each.name)}</span>' for each in issuable.labels)
    return (
        f'<p class="meta">{_link(issuable.project.web_url, issuable.project.name)}</p>'
        f"<h1>{escape(issuable.title)} {issuable.reference}</h1>"
        f'<p class="meta">{escape(issuable.state)}, by @{escape(issuable.author.username)} '
        f"{labels} {_awards(issuable)}</p>"
        f"<article><pre>{escape(issuable.description) or 'No description.'}</pre></article>"
        f"{''.join(_note(note) for note in issuable.notes)}"
    )


def _note(note: Note) -> str:
    kind = " (bot)" if note.author.bot else ""
    return (
        f'<article id="note_{note.id}"><p class="meta">@{escape(note.author.username)}{kind}, '
        f"{escape(note.created_at.strftime('%H:%M:%S'))} {_awards(note)}</p>"
        f"<pre>{escape(note.body)}</pre></article>"
    )


def _awards(on: Issuable | Note) -> str:
    return " ".join(f":{escape(each.name)}:" for each in on.awards)


def _link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>'
