"""The interface of the sandbox for tests and benchmarks."""

import threading

import httpx
import pytest

from infra.sandbox import ALICE_TOKEN, Sandbox
from infra.sandbox.server import serve
from infra.sandbox.state import Instance, Token
from tests.infra.sandbox.conftest import HookReceiver


def get(url: str, token: str = ALICE_TOKEN) -> httpx.Response:
    return httpx.get(url, headers={"PRIVATE-TOKEN": token}, trust_env=False)


def test_serves_the_instance_below_a_sub_path(receiver: HookReceiver) -> None:
    with Sandbox() as sandbox, serve(sandbox, sub_path="/gitlab") as url:
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


def seed_two_projects(instance: Instance) -> None:
    carol = instance.add_user("carol")
    instance.tokens["carol-token"] = Token(user=carol)
    for path in ("group/first", "group/deeper/second"):
        instance.add_project(path).members[carol.id] = 30


@pytest.mark.parametrize("settings", [{"seed": seed_two_projects}])
def test_starts_with_another_seed(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/api/v4/projects/group%2Fdeeper%2Fsecond"
    assert get(url, "carol-token").json()["path_with_namespace"] == "group/deeper/second"


def test_waits_for_a_change(sandbox: Sandbox) -> None:
    issue = sandbox.open_issue("Help")
    thread = threading.Thread(target=sandbox.comment, args=(issue, "Here"))
    thread.start()
    sandbox.wait_for(lambda: issue.notes, what="a comment")
    thread.join()
    assert issue.notes[0].body == "Here"


def test_names_the_change_that_did_not_happen(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError, match=r"a comment did not happen within 0\.01 s"):
        sandbox.wait_for(lambda: False, timeout=0.01, what="a comment")


def test_an_unknown_user_cannot_act(sandbox: Sandbox) -> None:
    with pytest.raises(KeyError, match="the sandbox has no user 'mallory'"):
        sandbox.open_issue("Help", by="mallory")


def test_delivers_again_after_it_is_closed(sandbox: Sandbox, receiver: HookReceiver) -> None:
    sandbox.add_hook(receiver.url)
    sandbox.open_issue("One")
    sandbox.settle()
    sandbox.close()
    sandbox.open_issue("Two")
    sandbox.settle()
    assert len(receiver.got) == 2
