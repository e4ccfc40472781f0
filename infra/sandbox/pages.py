"""Plain pages to look at what is in a sandbox, at the addresses that GitLab uses. Read only."""

from collections.abc import Callable
from html import escape
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from .state import HookEvent, Instance, Issuable, Note, Project
from .urls import web_url

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
"""
_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def routes(instance: Instance) -> list[BaseRoute]:
    """The pages' routes. Whoever reaches the sandbox sees everything in it."""

    def home(request: Request) -> str:
        return "".join(_project(instance, each) for each in instance.projects.values())

    def project(request: Request) -> str | None:
        found = _find(instance, request)
        return _project(instance, found) if found else None

    def issue(request: Request) -> str | None:
        found = _find(instance, request)
        issuable = found.issues.get(request.path_params["iid"]) if found else None
        return _issuable(instance, issuable, "#") if issuable else None

    def merge_request(request: Request) -> str | None:
        found = _find(instance, request)
        issuable = found.merge_requests.get(request.path_params["iid"]) if found else None
        return _issuable(instance, issuable, "!") if issuable else None

    return [
        Route("/", _page(instance, home)),
        Route("/{path:path}/-/issues/{iid:int}", _page(instance, issue)),
        Route("/{path:path}/-/merge_requests/{iid:int}", _page(instance, merge_request)),
        Route("/{path:path}", _page(instance, project)),
    ]


def _page(
    instance: Instance, content: Callable[[Request], str | None]
) -> Callable[[Request], Response]:
    async def serve(request: Request) -> Response:
        with instance.changed:
            inner = content(request)
            home = escape(instance.url)
        shown = inner or "<p>There is nothing at this address.</p>"
        html = (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width">'
            f"<title>Sandbox GitLab</title><style>{_STYLE}</style>"
            f'<p class="meta"><a href="{home}/">Sandbox GitLab</a></p>{shown}</html>'
        )
        return HTMLResponse(html, 200 if inner else 404, _HEADERS)

    return serve  # type: ignore[return-value]


def _find(instance: Instance, request: Request) -> Project | None:
    return instance.project(unquote(request.path_params["path"]))


def _project(instance: Instance, project: Project) -> str:
    events = [event for hook in project.hooks.values() for event in hook.events]
    return (
        f"<h1>{_link(web_url(instance, project), project.path_with_namespace)}</h1>"
        f"<p>{escape(project.description)}</p>"
        f"<h2>Issues</h2>{_list(instance, list(project.issues.values()), '#')}"
        f"<h2>Merge requests</h2>{_list(instance, list(project.merge_requests.values()), '!')}"
        f"<h2>Webhook deliveries</h2>{_events(events)}"
    )


def _list(instance: Instance, issuables: list[Issuable], sign: str) -> str:
    if not issuables:
        return "<p>None yet.</p>"
    rows = (
        f"<li>{_link(web_url(instance, each), f'{sign}{each.iid} {each.title}')} "
        f'<span class="meta">{escape(each.state)}, by @{escape(each.author.username)}, '
        f"{sum(not note.system for note in each.notes)} comments</span></li>"
        for each in reversed(issuables)
    )
    return f"<ul>{''.join(rows)}</ul>"


def _events(events: list[HookEvent]) -> str:
    if not events:
        return "<p>None yet.</p>"
    rows = (
        f"<tr><td>{escape(each.headers['X-Gitlab-Event'])}</td>"
        f"<td>{escape(each.response_status)}</td>"
        f"<td>{each.execution_duration * 1000:.0f} ms</td><td>{escape(each.url)}</td></tr>"
        for each in reversed(events[-20:])
    )
    head = "<tr><th>event</th><th>answer</th><th>took</th><th>sent to</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _issuable(instance: Instance, issuable: Issuable, sign: str) -> str:
    labels = " ".join(f'<span class="label">{escape(each.name)}</span>' for each in issuable.labels)
    awards = " ".join(f":{escape(each.name)}:" for each in issuable.awards)
    notes = "".join(_note(note) for note in issuable.notes)
    return (
        f'<p class="meta">{_link(web_url(instance, issuable.project), issuable.project.name)}</p>'
        f"<h1>{escape(issuable.title)} {sign}{issuable.iid}</h1>"
        f'<p class="meta">{escape(issuable.state)}, by @{escape(issuable.author.username)} '
        f"{labels} {awards}</p>"
        f"<article><pre>{escape(issuable.description) or 'No description.'}</pre></article>{notes}"
    )


def _note(note: Note) -> str:
    kind = " (bot)" if note.author.bot else ""
    awards = " ".join(f":{escape(each.name)}:" for each in note.awards)
    return (
        f'<article id="note_{note.id}"><p class="meta">@{escape(note.author.username)}{kind}, '
        f"{escape(note.created_at.strftime('%H:%M:%S'))} {awards}</p>"
        f"<pre>{escape(note.body)}</pre></article>"
    )


def _link(address: str, text: str) -> str:
    return f'<a href="{escape(address)}">{escape(text)}</a>'
