"""Find quick actions (`/close`, `/label ~bug`, …) in text. Applies none of them.

After https://docs.gitlab.com/user/project/quick_actions/. A command that the sandbox does not
know stays text, as an unknown word after a slash does on GitLab.
"""

import re
from dataclasses import dataclass

KNOWN = frozenset(
    {
        "assign",
        "close",
        "confidential",
        "label",
        "labels",
        "relabel",
        "remove_label",
        "reopen",
        "title",
        "unassign",
        "unlabel",
    }
)

_COMMAND = re.compile(r"^/(?P<name>[a-z_]+)(?:[ \t]+(?P<argument>.*?))?[ \t]*$")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LABEL = re.compile(r'~"(?P<quoted>[^"]+)"|~(?P<plain>[^\s~,]+)')
_USER = re.compile(r"@(?P<username>[\w.-]+)")


@dataclass(frozen=True, slots=True)
class QuickAction:
    name: str
    argument: str

    def labels(self) -> list[str]:
        """The labels named in the argument: `~bug ~"two words"`, or without the tildes."""
        named = [match["quoted"] or match["plain"] for match in _LABEL.finditer(self.argument)]
        return named or self.argument.replace('"', "").split()

    def usernames(self) -> list[str]:
        return [match["username"].rstrip(".") for match in _USER.finditer(self.argument)]


def extract(text: str) -> tuple[str, list[QuickAction]]:
    """The text without its quick actions, and the quick actions. Code blocks are left alone."""
    kept: list[str] = []
    found: list[QuickAction] = []
    in_code = False
    for line in text.splitlines():
        if _FENCE.match(line):
            in_code = not in_code
        match = None if in_code else _COMMAND.match(line)
        if match and match["name"] in KNOWN:
            found.append(QuickAction(match["name"], match["argument"] or ""))
        else:
            kept.append(line)
    if not found:
        return text, []
    return "\n".join(kept).strip(), found
