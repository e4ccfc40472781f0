"""The bot's own process: serves `receive:app` on sockets that already listen."""

import logging
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection

import uvicorn
from gidgetlambda.router import Route

from ..console import Printer
from .deliveries import DeliveryLog

STOP_SECONDS = 10.0
_CANNOT_START = 3

# The triggers in GitLab's webhook form that are not named like their event type.
_TRIGGERS = {
    "Note Hook": "Comments",
    "Confidential Note Hook": "Confidential comments",
    "Issue Hook": "Issues events",
    "Confidential Issue Hook": "Confidential issues events",
    "Release Hook": "Releases events",
    "Resource Access Token Hook": "Project or group access token events",
}


def serve_bot(
    config: uvicorn.Config, ready: Connection, sockets: list[socket.socket] | None = None
) -> None:
    """Serve the bot until SIGTERM.

    Args:
        config: uvicorn's configuration.
        ready: receives a message when the handlers are loaded.
        sockets: the listening sockets.
    """
    threading.Thread(target=_end_with_the_command, daemon=True).start()
    printer = Printer()
    log = DeliveryLog(printer)
    log.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    try:
        import receive  # noqa: F401
        from bot import bot
    except (Exception, SystemExit) as error:
        own_trace = error.__traceback__ and error.__traceback__.tb_next  # without this function
        printer.problem(
            "".join(traceback.format_exception(error.with_traceback(own_trace))).rstrip()
        )
        sys.exit(_CANNOT_START)
    _print_handlers(printer, bot.router.routes)
    ready.send(None)
    uvicorn.Server(config).run(sockets)


def _end_with_the_command() -> None:
    command = multiprocessing.parent_process()
    if command is not None:
        command.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)  # a handler blocks the event loop


def _print_handlers(printer: Printer, routes: Sequence[Route]) -> None:
    if not routes:
        printer.say("The bot has no handlers: register some in handler/bot.py.", style="yellow")
        return
    printer.say("The bot's handlers:")
    event_types: dict[str, list[str]] = {}
    for route in routes:
        event_types.setdefault(route.name, []).append(route.event_type)
    for name, types in event_types.items():
        printer.line((f"  {name}", "bold"), (f" on {', '.join(types)}", ""))
    triggers = dict.fromkeys(_trigger(route.event_type) for route in routes)
    printer.say(f"Their triggers in GitLab's webhook form: {', '.join(triggers)}", style="dim")


def _trigger(event_type: str) -> str:
    """The name in GitLab's webhook form: "Merge request events" for "Merge Request Hook"."""
    if event_type == "*":
        return "all"
    name = event_type.removesuffix(" Hook").capitalize()
    return _TRIGGERS.get(event_type, f"{name} events")
