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
from multiprocessing.connection import Connection

import uvicorn

from ..console import Printer
from .deliveries import DeliveryLog

STOP_SECONDS = 10.0


def serve_bot(
    config: uvicorn.Config, ready: Connection, sockets: list[socket.socket] | None = None
) -> None:
    """Serve the bot until SIGTERM.

    Args:
        config: The configuration of uvicorn.
        ready: Receives the handlers' event types once they are loaded.
        sockets: The listening sockets.
    """
    threading.Thread(target=_stop_with_the_command, daemon=True).start()
    printer = Printer()
    log = DeliveryLog(printer)
    log.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[log])
    try:
        import receive  # noqa: F401
        from bot import bot
    except (Exception, SystemExit) as error:
        own_trace = error.__traceback__ and error.__traceback__.tb_next  # without this function
        lines = traceback.format_exception(error.with_traceback(own_trace))
        printer.problem("".join(lines).rstrip())
        sys.exit(1)
    event_types: dict[str, list[str]] = {}
    for route in bot.router.routes:
        event_types.setdefault(route.name, []).append(route.event_type)
    if event_types:
        printer.say("The bot's handlers:")
    else:
        printer.say("The bot has no handlers: add some to handler/bot.py.")
    for name, types in event_types.items():
        printer.line((f"  {name}", "bold"), (f" on {', '.join(types)}", ""))
    ready.send([route.event_type for route in bot.router.routes])
    uvicorn.Server(config).run(sockets)


def _stop_with_the_command() -> None:
    """Stop this process when the command's process ends, however it ends."""
    if command := multiprocessing.parent_process():
        command.join()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)  # since a handler blocks the event loop
