"""One structured line per delivery and per task, through the standard `logging`.

Lambda's JSON format (`LoggingConfig: {LogFormat: JSON}`) writes the `extra` keys as fields. That
formatter cannot write a lone surrogate, and a payload may hold one, so every text is made ASCII
here; and since a handler's error may quote anything, every text is rid of the known secrets.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

logger = logging.getLogger("gidgetlambda")

HIDDEN = "***"
TEXT_LIMIT = 4000  # characters of one field


class Redactor:
    """Takes the known secrets out of texts that leave this process.

    secrets: those of at least 4 characters are taken out; shorter ones would garble every text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """The text without secrets, in ASCII, and cut at `limit` characters."""
        text = self._without_secrets(text)
        return _ascii(text if len(text) <= limit else f"{text[:limit]}...")

    def value(self, value: Any) -> Any:
        """A field's value, cleaned as `text` does wherever it holds one."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def error(self, error: BaseException) -> str:
        """An error in one line: its kind, its message, and the request that it came from."""
        request = getattr(error, "request", None)
        asked = f" ({request})" if isinstance(request, str) else ""
        return self.text(f"{type(error).__name__}: {error}{asked}", limit=300)

    def traceback(self, error: BaseException) -> str:
        """An error's traceback, its last lines where it is long."""
        text = self._without_secrets("".join(traceback.format_exception(error)))
        return _ascii(text[-TEXT_LIMIT:])

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def log(level: int, message: str, redactor: Redactor, **fields: Any) -> None:
    """Write one line with fields; those that are `None` are left out."""
    if logger.isEnabledFor(level):
        present = {k: redactor.value(v) for k, v in fields.items() if v is not None}
        logger.log(level, message, extra=present)


class LineFormatter(logging.Formatter):
    """A line with its fields, for a terminal: `INFO task handler=… outcome=done`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={record.__dict__[key]}" for key in _extra(record))
        return f"{record.levelname} {record.getMessage()} {fields}".rstrip()


def _extra(record: logging.LogRecord) -> list[str]:
    plain = logging.makeLogRecord({}).__dict__
    return [key for key in record.__dict__ if key not in plain and key != "taskName"]


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if " " <= char <= "~" or char in "\n\t" else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
