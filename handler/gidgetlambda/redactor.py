"""Redactor: removes the known secrets from texts before they leave this process.

A handler's error may quote anything, so every text in a log line or a response passes through here.
Texts also become ASCII: a payload may contain lone surrogates, which Lambda's JSON formatter cannot
write.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import HTTPException

HIDDEN = "***"
TEXT_LIMIT = 4000  # characters of one text


class Redactor:
    """Replaces the known secrets in texts by `***`.

    Args:
        secrets: The known secrets. Those of fewer than 4 characters are ignored, because replacing
            them would garble every text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = sorted({s for s in secrets if len(s) >= 4}, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._secrets)} secrets>"

    def text(self, text: str, limit: int = TEXT_LIMIT) -> str:
        """Return the text without secrets, in ASCII, truncated to `limit` characters."""
        text = self._without_secrets(text)
        clean = _ascii(text[:limit])  # escapes make it longer, never shorter
        return clean if max(len(text), len(clean)) <= limit else f"{clean[:limit]}..."

    def value(self, value: Any) -> Any:
        """Return a copy of the value in which every text has passed through `text`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        return value

    def error(self, error: BaseException) -> str:
        """Describe an error in one line: its type, its message and the request that failed."""
        request = error.request if isinstance(error, HTTPException) else None
        suffix = f" ({request})" if request else ""
        return self.text(f"{type(error).__name__}: {_message(error)}{suffix}", limit=300)

    def traceback(self, error: BaseException) -> str:
        """Return an error's traceback without secrets; of a long one, the end."""
        text = self._without_secrets("".join(traceback.format_exception(error)))
        return _ascii(text[-TEXT_LIMIT:])[-TEXT_LIMIT:]

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the exception class of a handler may have a bug
        return "(no message: its __str__ failed)"


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if " " <= char <= "~" or char in "\n\t" else _escape(char) for char in text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
