"""The bot's own process: serve `receive:app` on a socket that is already listening.

Started by `process`, which hands over the socket's number and the standard input. When that input
ends, the command that started this is gone, and so this ends too.
"""

import importlib
import logging
import os
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path

import uvicorn

from ..console import Printer
from .deliveries import DeliveryLog

CANNOT_START = 3
_GRACE_SECONDS = 5

# What GitLab's webhook form calls the trigger of an event.
_FORM_TRIGGERS = {
    "Push Hook": "Push events",
    "Tag Push Hook": "Tag push events",
    "Note Hook": "Comments",
    "Confidential Note Hook": "Confidential comments",
    "Issue Hook": "Issues events",
    "Confidential Issue Hook": "Confidential issues events",
    "Merge Request Hook": "Merge request events",
    "Job Hook": "Job events",
    "Pipeline Hook": "Pipeline events",
    "Wiki Page Hook": "Wiki page events",
    "Deployment Hook": "Deployment events",
    "Feature Flag Hook": "Feature flag events",
    "Release Hook": "Releases events",
    "Milestone Hook": "Milestone events",
    "Emoji Hook": "Emoji events",
    "Resource Access Token Hook": "Project or group access token events",
}


def main() -> int:
    """Serve until SIGTERM; gives 3 if the handlers cannot be imported."""
    printer = Printer()
    _end_with_the_parent()
    _log_to(printer)
    try:
        app = importlib.import_module("receive").app
    except Exception as error:
        printer.problem(_own_lines(error))
        return CANNOT_START
    _tell_handlers(printer)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
    return 0


def _end_with_the_parent() -> None:
    def watch() -> None:
        # Not sys.stdin: a thread that holds its lock would keep the interpreter from ending.
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()


def _log_to(printer: Printer) -> None:
    handler = DeliveryLog(printer)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # These tell every request, which the deliveries' own lines tell better.
    for noisy in ("httpx", "httpcore", "uvicorn", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _tell_handlers(printer: Printer) -> None:
    routes = importlib.import_module("bot").bot.router.routes
    if not routes:
        printer.say("The bot has no handlers: register some in handler/bot.py.", style="yellow")
        return
    printer.say("The bot's handlers:")
    events: dict[str, list[str]] = {}
    for route in routes:
        events.setdefault(route.name, []).append(route.event_type)
    for name, taken in events.items():
        printer.line((f"  {name}", "bold"), (f" on {', '.join(taken)}", ""))
    triggers = dict.fromkeys(_FORM_TRIGGERS.get(route.event_type) for route in routes)
    named = [trigger for trigger in triggers if trigger]
    if "tell-triggers" in sys.argv[2:] and named:
        printer.say(f"Triggers to tick in the webhook form: {', '.join(named)}")


def _own_lines(error: BaseException) -> str:
    """The error as Python prints it, without the machinery of importing."""
    here = Path(__file__).parent
    told = traceback.TracebackException.from_exception(error)
    told.stack = traceback.StackSummary.from_list(
        frame
        for frame in told.stack
        if "importlib" not in frame.filename and here not in Path(frame.filename).parents
    )
    return "".join(told.format()).rstrip()


if __name__ == "__main__":
    sys.exit(main())
