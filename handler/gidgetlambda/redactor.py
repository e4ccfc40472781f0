"""Redactor: removes the known secrets from texts before they leave this process.

A handler's error may quote anything, so every text in a log line or a response passes through here.
A secret is found as it is, quoted, escaped, and in base64. Texts also become ASCII: a payload may
contain lone surrogates, which Lambda's JSON formatter cannot write.
"""

from __future__ import annotations

import base64
import binascii
import re
import traceback
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import HTTPException

HIDDEN = "***"
CUT = "…"  # the end of a shortened text
SHORTEST = 4  # characters of a secret, or of its beginning, that is replaced
PLAIN = re.compile("[A-Za-z0-9]+")
SIGNING_TOKEN_PREFIX = "whsec_"  # noqa: S105
ESCAPES = {"\n": "n", "\r": "r", "\t": "t"}
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"}
TEXT_LIMIT = 4000  # characters of one text


class Redactor:
    """Replaces the known secrets in texts by `***`.

    Args:
        secrets: The known secrets. Those of fewer than 4 characters are ignored, because replacing
            them would garble every text.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        known = {form for secret in secrets for form in _decoded_forms(secret)}
        self._secrets = sorted((s for s in known if len(s) >= SHORTEST), key=len, reverse=True)
        self._forms = [_Form(secret) for secret in self._secrets]
        self._encoded = [one for secret in self._secrets for one in _base64_forms(secret)]

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
        for form in self._forms:
            text = form.without(text)
        for encoded in self._encoded:
            text = text.replace(encoded, HIDDEN)
        return self._without_beginnings(text) if CUT in text else text

    def _without_beginnings(self, text: str) -> str:
        """Return the text without the beginnings of secrets that `shorten` left."""
        parts = text.split(CUT)
        for number, part in enumerate(parts[:-1]):
            for secret in self._secrets:
                lengths = range(min(len(secret), len(part)), SHORTEST - 1, -1)
                ends = (length for length in lengths if part.endswith(secret[:length]))
                if (length := next(ends, 0)) > 0:
                    parts[number] = part[:-length] + HIDDEN
                    break
        return CUT.join(parts)


class _Form:
    """Finds one secret, in which other characters than letters and digits may be escaped."""

    def __init__(self, secret: str) -> None:
        self._pattern = "".join(map(_character_pattern, secret))
        # No way of escaping changes letters and digits.
        self._anchor = max(PLAIN.findall(secret), key=len, default="")

    def without(self, text: str) -> str:
        if self._anchor not in text:
            return text
        return re.sub(self._pattern, HIDDEN, text)


def shorten(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, whose cut-off end the redactor recognizes.

    Use it for each text that is shortened before it passes through a redactor, which could not find
    a secret of which only the beginning is left.
    """
    return text if len(text) <= limit else text[: limit - 1] + CUT


def _decoded_forms(secret: str) -> Iterable[str]:
    """Yield a secret and, of a signing token, the key in its other forms."""
    yield secret
    encoded = secret.removeprefix(SIGNING_TOKEN_PREFIX)
    if encoded == secret:
        return
    yield encoded
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return
    yield from (key.hex(), key.hex().upper(), repr(key)[2:-1], key.decode("latin-1"))
    yield base64.urlsafe_b64encode(key).decode()


def _base64_forms(secret: str) -> Iterable[str]:
    """Yield the characters that base64 of a longer text has for a secret, at each alignment."""
    raw = secret.encode("utf-8", "surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(bytes(before) + raw)
        # The characters that other bytes share are left out.
        shared = -(-before * 4 // 3)
        own = encoded[shared : (before + len(raw)) * 4 // 3].decode()
        if len(own) >= SHORTEST:
            yield own
            yield own.replace("+", "-").replace("/", "_")


def _character_pattern(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    raw = character.encode("utf-8", "surrogatepass")
    forms = [
        rf"\\*{re.escape(character)}",
        "".join(f"%(?:25)*(?i:{byte:02x})" for byte in raw),
        rf"\\+(?i:u{ord(character):04x}|x{ord(character):02x})",
        "".join(rf"\\+(?i:x{byte:02x})" for byte in raw),
    ]
    if character in ESCAPES:
        forms.append(rf"\\+{ESCAPES[character]}")
    if character in ENTITIES:
        forms.append(ENTITIES[character])
    if character == " ":
        forms.append(r"\+")
    return f"(?:{'|'.join(forms)})"


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
