"""Redactor: rids texts of the known secrets before they leave this process.

A handler's error may quote anything, so every text that is logged or answered passes here. Texts
also become ASCII: a payload may hold lone surrogates, which Lambda's JSON formatter cannot write.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import HTTPException

HIDDEN = "***"
TEXT_LIMIT = 4000  # characters of one text


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
        told = _ascii(text[:limit])  # which is as long at least
        return told if max(len(text), len(told)) <= limit else f"{told[:limit]}..."

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
        asked = f" ({error.request})" if isinstance(error, HTTPException) and error.request else ""
        return self.text(f"{type(error).__name__}: {_told(error)}{asked}", limit=300)

    def traceback(self, error: BaseException) -> str:
        """An error's traceback, its last lines where it is long."""
        text = self._without_secrets("".join(traceback.format_exception(error)))
        return _ascii(text[-TEXT_LIMIT:])[-TEXT_LIMIT:]

    def _without_secrets(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return text


def _told(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # a handler's own exception may have a bug of its own
        return "(its text cannot be told)"


def _ascii(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char if " " <= char <= "~" or char in "\n\t" else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
