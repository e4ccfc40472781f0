"""The documents: their links, and the commands, settings and modules that they name."""

import re
from pathlib import Path
from typing import Any

import pytest
from gidgetlambda import Event, GitLabAPI, GitLabBot

from infra.sandbox import Sandbox, payloads
from infra.testing.fixtures import comments
from tests.handler.apis import sandbox_api

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
FRAMEWORK = ROOT / "handler" / "gidgetlambda"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_make_targets_exist(page: Path) -> None:
    text = page.read_text()
    for path, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
        target = page.parent / path if path else page
        titles = re.findall(r"^#+ (.+)", target.read_text(), re.M) if anchor else []
        anchors = [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]
        assert target.exists() and anchor in ("", *anchors), f"{path}#{anchor}"  # noqa: PT018
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M)
    assert {*re.findall(r"(?:`|^|&& )make ([a-z]+)", text, re.M)} <= {*targets}


def test_the_reference_lists_every_setting_and_the_design_every_module() -> None:
    reference, design = ((ROOT / "docs" / f"{it}.md").read_text() for it in ("reference", "design"))
    read = re.findall(
        r'"((?!AWS_|REQUEST_METHOD)[A-Z]+_[A-Z_]+)"', (FRAMEWORK / "settings.py").read_text()
    )
    assert {*re.findall(r"^\| `([A-Z_]+)` \|", reference, re.M)} == {*read}
    for module in FRAMEWORK.glob("[a-z]*.py"):
        assert re.search(rf"`{module.stem}`| {module.name}", design), module.name


@pytest.mark.anyio
async def test_the_example_of_outdated_events_works_on_the_last_push(in_process: Sandbox) -> None:
    text = (ROOT / "docs" / "handlers.md").read_text()
    (code,) = re.findall(r"```python\n([^`]*oldrev[^`]*)```", text)
    names: dict[str, Any] = {"bot": GitLabBot("x"), "Event": Event, "GitLabAPI": GitLabAPI}
    exec(code, {"__name__": "example", **names})
    merge_request = in_process.open_merge_request("A change", by="bob")
    events = []
    for message in ("first", "second"):
        in_process.push(merge_request.source_branch, message)
        data = payloads.merge_request_event(
            merge_request, action="update", by=merge_request.author, changes={}, oldrev="0" * 40
        )
        events.append(Event(data, event="Merge Request Hook"))
    for event in events:
        await names["bot"].router.dispatch(event, sandbox_api(in_process))
    assert comments(merge_request) == [f"The last commit is {merge_request.sha}."]
