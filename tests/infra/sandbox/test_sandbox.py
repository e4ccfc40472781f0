"""The sandbox as tests and benchmarks use it."""

import threading
from typing import Any

import httpx
import pytest

from infra.sandbox import ALICE_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.sandbox.state import Instance

pytestmark = pytest.mark.anyio


def get(url: str) -> httpx.Response:
    return httpx.get(url, headers={"PRIVATE-TOKEN": ALICE_TOKEN}, trust_env=False)


def test_it_is_found_at_the_url_that_it_tells(sandbox: Sandbox) -> None:
    issue = get(f"{sandbox.url}/api/v4/projects/71/issues")
    assert issue.json() == []
    project = get(f"{sandbox.url}/api/v4/projects/demo%2Fplayground").json()
    assert project["web_url"] == f"{sandbox.url}/demo/playground"


def test_it_can_live_below_a_sub_path(receiver: Any) -> None:
    sandbox = Sandbox()
    with serve(sandbox, sub_path="/gitlab") as url:
        assert url.endswith("/gitlab")
        sandbox.add_hook(receiver.url)
        sandbox.open_issue("Help")
        found = get(f"{url}/api/v4/projects/demo%2Fplayground/issues/1").json()
        assert found["web_url"] == f"{url}/demo/playground/-/issues/1"
        assert get(found["web_url"]).status_code == 200
        link = get(f"{url}/api/v4/projects/71/issues").links["first"]["url"]
        assert link.startswith(f"{url}/api/v4/projects/71/issues?")
        assert get(link).json()[0]["iid"] == 1
        assert get(f"{url.removesuffix('/gitlab')}/api/v4/user").status_code == 404
        assert get(f"{url}x/api/v4/user").status_code == 404
        sandbox.settle()
    assert receiver.got[0].headers["x-gitlab-instance"] == url


def test_its_start_can_be_chosen() -> None:
    def two_projects(instance: Instance) -> None:
        one = instance.add_user("one")
        instance.add_token("token-of-one", one)
        for name in ("group/first", "group/deeper/second"):
            instance.add_project(name).members[one.id] = 30

    sandbox = Sandbox(seed=two_projects)
    with serve(sandbox) as url:
        answer = httpx.get(
            f"{url}/api/v4/projects/group%2Fdeeper%2Fsecond",
            headers={"PRIVATE-TOKEN": "token-of-one"},
            trust_env=False,
        )
    assert answer.json()["path_with_namespace"] == "group/deeper/second"


def test_waiting_ends_when_it_happens(in_process: Sandbox) -> None:
    issue = in_process.open_issue("Help")
    thread = threading.Thread(target=in_process.comment, args=(issue, "Here"))
    thread.start()
    in_process.wait_for(lambda: issue.notes, what="a comment")
    thread.join()
    assert issue.notes[0].body == "Here"


def test_waiting_in_vain_names_what_did_not_happen(in_process: Sandbox) -> None:
    with pytest.raises(TimeoutError, match=r"the end of the world did not happen within 0\.01 s"):
        in_process.wait_for(lambda: False, timeout=0.01, what="the end of the world")


def test_nobody_unknown_can_act(in_process: Sandbox) -> None:
    with pytest.raises(KeyError, match="no user 'mallory' in the sandbox"):
        in_process.open_issue("Help", by="mallory")


def test_it_goes_on_delivering_after_it_was_closed(receiver: Any) -> None:
    with Sandbox() as sandbox:
        sandbox.add_hook(receiver.url)
        sandbox.open_issue("One")
        sandbox.settle()
        sandbox.close()
        sandbox.open_issue("Two")
        sandbox.settle()
    assert len(receiver.got) == 2


async def test_it_serves_in_process(in_process: Sandbox, alice: httpx.AsyncClient) -> None:
    created = await alice.post("/projects/demo%2Fplayground/issues", json={"title": "Help"})
    assert created.status_code == 201
    assert in_process.project.issues[1].title == "Help"
