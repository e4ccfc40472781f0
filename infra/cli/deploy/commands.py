"""The command `gidgetlambda deploy`: `sam deploy`, with a check before and the next step after."""

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import httpx
import typer
from botocore.exceptions import NoRegionError
from gidgetlambda.startup import serving_prevented

from ...package.folder import ROOT
from ...package.sam import require_deployable
from ...package.target import PackageError
from .. import aws
from ..console import Failure, Printer
from ..stack import DeployedStack
from ..webhook_form import print_form

_ANSWER_SECONDS = 60.0
_SAM = Path(sys.executable).with_name("sam")

app = typer.Typer(add_completion=False)


@app.command()
def deploy(
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, for CI.")] = False,
) -> None:
    """Deploy the built bot, wait until it answers, and print what to enter in GitLab.

    `make deploy` checks and builds the bot first. For the first deployment,
    `sam deploy --guided` asks for the parameters.
    """
    printer = Printer()
    _require_same_architecture("The bot was not deployed")
    stack = DeployedStack.named(None)
    region = _choose_region(stack, ask=not yes)
    printer.say(f"Deploying {stack.name} in {region}.")
    guided = not stack.exists()
    if guided and yes:
        raise Failure(
            f"The stack {stack.name} does not exist. Deploy it once in a terminal, where the "
            "parameters can be entered: make deploy"
        )
    if guided:
        printer.say("This is the first deployment. README.md has a table of answers for sam.")
        printer.say("The last question is `Deploy this changeset?`: answer y.\n")
    before = DeployedStack.saved()
    _run_sam(stack.name, region, guided=guided, yes=yes)
    if guided:  # the answers can change the architecture, the stack's name, and its region
        _require_same_architecture("The deployed functions cannot start")
        if (saved := DeployedStack.saved()) != before:
            stack = saved
            os.environ["AWS_REGION"] = saved.region or region
    health_url, webhook_url = stack.outputs(
        "HealthUrl",
        "WebhookUrl",
        alternative="If you did not save your answers, set GIDGETLAMBDA_STACK and AWS_REGION to "
        "them. Then run `make deploy` again.",
    )
    printer.title(f"The bot answers: {_version(health_url, stack.name)}")
    form = {
        "URL": webhook_url,
        "Secret token": "your WebhookSecret; or as the Signing token, your SigningToken",
    }
    print_form(printer, form, _event_types())


def _require_same_architecture(consequence: str) -> None:
    try:
        require_deployable(ROOT)
    except PackageError as error:
        raise Failure(f"{consequence}: {error}.") from None


def _choose_region(stack: DeployedStack, *, ask: bool) -> str:
    """Return the region, as sam takes it, and ask for it if none is set.

    A saved region precedes that of the shell, so that the next deployment finds the same stack.
    sam itself asks only after its first call.

    Raises:
        Failure: No region is set, and nobody can be asked.
    """
    if stack.region:
        os.environ["AWS_REGION"] = stack.region
    try:
        return str(aws.session().region_name)
    except NoRegionError:
        if not ask:
            raise Failure("No AWS region is set. Set AWS_REGION.") from None
    region: str = typer.prompt("AWS region, such as eu-central-1").strip()
    os.environ["AWS_REGION"] = region
    return region


def _run_sam(stack: str, region: str, *, guided: bool, yes: bool) -> None:
    # sam ignores AWS_REGION. Its first call also ignores --region and takes AWS_DEFAULT_REGION.
    os.environ["AWS_DEFAULT_REGION"] = region
    options = ["--stack-name", stack, "--region", region]
    options += ["--guided"] if guided else []
    options += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"] if yes else []
    done = subprocess.run([_SAM, "deploy", *options], cwd=ROOT, check=False)
    if done.returncode:
        raise Failure("`sam deploy` failed; see above. To repeat it: make deploy")


def _version(health_url: str, stack: str) -> str:
    """Return the bot's version as soon as it answers.

    Raises:
        Failure: It does not answer.
    """
    end, reason = time.monotonic() + _ANSWER_SECONDS, "no answer"
    while time.monotonic() < end:
        try:
            answer = httpx.get(health_url, timeout=15)
            if answer.is_success:
                return str(answer.json()["version"])
            reason = f"the answer was {answer.status_code}"
        except (httpx.RequestError, ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
        time.sleep(2)
    raise Failure(
        f"The stack is deployed, but {health_url} does not answer as the bot ({reason}). Read its "
        f"log: .venv/bin/sam logs --stack-name {stack}"
    )


def _event_types() -> list[str]:
    """Return the event types of the handlers in handler/bot.py."""
    sys.path.insert(0, str(ROOT / "handler"))
    with serving_prevented():
        bot = importlib.import_module("bot").bot
    return [route.event_type for route in bot.router.routes]
