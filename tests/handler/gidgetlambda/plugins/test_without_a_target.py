"""The shipped plugins and events that have no issue or merge request of a project."""

import importlib
import pkgutil
from typing import Any

import httpx
import pytest
from gidgetlambda import plugins

from infra.sandbox import Sandbox
from infra.testing.fixtures import ServeBot
from tests.event_payloads import own_payloads
from tests.handler import payloads

EPICS = {payload.name: payload.data for payload in own_payloads() if ".epic" in payload.name}


def merge_request(action: str) -> dict[str, Any]:
    data = payloads.merge_request(action) | {"project": None}
    # The author exists in the sandbox.
    data["object_attributes"] |= {"author_id": 2, "target_project_id": None}
    return data


ROWS: list[tuple[str, str, dict[str, Any], str]] = [
    ("welcome", "Issue Hook", EPICS["issue_hook.epic"], "ignored"),
    ("welcome", "Confidential Issue Hook", EPICS["issue_hook.epic"], "ignored"),
    ("thumbs_up", "Note Hook", EPICS["note_hook.epic"], "ignored"),
    ("thumbs_up", "Confidential Note Hook", EPICS["note_hook.epic"], "ignored"),
    ("thanks", "Merge Request Hook", merge_request("merge"), "ignored"),
    ("needs_review", "Merge Request Hook", merge_request("open"), "ignored"),
]


@pytest.mark.parametrize(("plugin", "event", "data", "status"), ROWS)
def test_a_plugin_leaves_an_event_without_a_target_alone(
    serve_bot: ServeBot,
    sandbox: Sandbox,
    plugin: str,
    event: str,
    data: dict[str, Any],
    status: str,
) -> None:
    serve_bot(importlib.import_module(f"gidgetlambda.plugins.{plugin}").router)
    (hook,) = sandbox.project.hooks.values()
    headers = {"X-Gitlab-Event": event, "X-Gitlab-Token": hook.token}
    answer = httpx.post(hook.url, json=data, headers=headers, trust_env=False).json()
    (outcome,) = answer["handlers"].values()
    assert outcome.startswith(status)


def test_each_plugin_has_a_row() -> None:
    shipped = {module.name for module in pkgutil.iter_modules(plugins.__path__)}
    assert shipped == {plugin for plugin, *_ in ROWS}
