"""Keep the bot running until somebody stops the command, and restart it when handlers are saved."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..console import Printer
from .process import SOURCE_ROOT, BotProcess
from .sources import Sources

_LOOK_SECONDS = 0.3
_START_SECONDS = 30.0


@contextlib.contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and the end of the terminal set, instead of ending us."""
    stop = threading.Event()
    previous = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def wait_until_up(bot: BotProcess, stop: threading.Event) -> bool:
    """Whether the bot came up within 30 seconds, neither ending nor being stopped before."""
    deadline = time.monotonic() + _START_SECONDS
    while bot.running and not stop.is_set() and time.monotonic() < deadline:
        if bot.answers():
            return True
        stop.wait(0.05)
    return False


def stay(
    bot: BotProcess, stop: threading.Event, printer: Printer, *, when_up: Callable[[], None]
) -> None:
    """Run the bot until `stop` is set; restart it whenever its sources are saved.

    Args:
        when_up: called once, when the bot answers for the first time.
    """
    with bot:
        _watch(bot, stop, printer, when_up)
    printer.say()
    printer.say("Stopped.")


def _watch(
    bot: BotProcess, stop: threading.Event, printer: Printer, when_up: Callable[[], None]
) -> None:
    sources = Sources(SOURCE_ROOT)
    greeted = complained = False
    while not stop.is_set():
        if not greeted and wait_until_up(bot, stop):
            greeted = True
            when_up()
        if not bot.running and not complained and not stop.is_set():
            complained = True
            printer.problem("The bot is not running: mend what is said above and save.")
        stop.wait(_LOOK_SECONDS)
        if changed := sources.changed():
            complained = _reload(bot, sources, changed, printer)


def _reload(bot: BotProcess, sources: Sources, changed: list[Path], printer: Printer) -> bool:
    """Restart, unless what was saved is no Python; tells whether there was a complaint."""
    error = sources.syntax_error()
    if error:
        line = f", line {error.lineno}" if error.lineno else ""
        where = f"{_short(Path(str(error.filename)))}{line}"
        goes_on = "The bot goes on as it was" if bot.running else "The bot is not running"
        printer.say()
        printer.problem(f"{where}: {error.msg}. {goes_on}; mend it and save.")
        if error.text:
            printer.quote(error.text.rstrip())
        return True
    printer.say()
    printer.say(f"Saved: {', '.join(_short(path) for path in changed)}. Restarting the bot.")
    bot.restart()
    return False


def _short(path: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
