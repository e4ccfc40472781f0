"""Quick actions (`/close`, `/label ~bug`, …): extracted from text and translated to edits.

A command that the sandbox does not know remains text, as an unknown command does in GitLab.

https://docs.gitlab.com/user/project/quick_actions/
"""

import re
from dataclasses import dataclass

from .state import Edit, Issuable, Issue, User

_LABELLING = ("label", "labels", "relabel", "unlabel", "remove_label")
KNOWN = {"assign", "close", "confidential", "reopen", "title", "unassign", *_LABELLING}

_COMMAND = re.compile(r"/(?P<name>[a-z_]+)(?: +(?P<argument>.*?))?\s*\Z", re.IGNORECASE)
# GitLab protects no other block: neither one of tildes nor one of four backticks.
_CODE = re.compile(r"^```.+?\n```[^`\n]*$", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r'~"(?P<quoted>[^"]+)"|~(?P<plain>[^\s~,]+)')
_USER = re.compile(r"@(?P<username>[\w.-]+)")


@dataclass(frozen=True, slots=True)
class QuickAction:
    name: str
    argument: str

    def labels(self) -> list[str]:
        """Return the labels in the argument: `~bug ~"two words"`, or `bug` without a tilde."""
        named = [match["quoted"] or match["plain"] for match in _LABEL.finditer(self.argument)]
        return named or self.argument.replace('"', "").split()

    def usernames(self) -> list[str]:
        return [match["username"].rstrip(".") for match in _USER.finditer(self.argument)]

    @property
    def failure(self) -> str:
        """GitLab's message for a quick action that it cannot apply."""
        return f"Could not apply {self.name} command."


def extract(text: str) -> tuple[str, list[QuickAction]]:
    """Return the text without its quick actions, and the quick actions outside code blocks.

    Like GitLab, it removes carriage returns.
    """
    kept: list[str] = []
    found: list[QuickAction] = []
    text = text.replace("\r", "")
    blocks = [block.span() for block in _CODE.finditer(text)]
    start = 0
    for line in text.split("\n"):
        in_code = any(begin <= start < end for begin, end in blocks)
        start += len(line) + 1
        match = None if in_code else _COMMAND.match(line)
        if match and match["name"].lower() in KNOWN:
            found.append(QuickAction(match["name"].lower(), match["argument"] or ""))
        else:
            kept.append(line)
    if not found:
        return text, []
    return "\n".join(kept).strip(), found


def translate(action: QuickAction, issuable: Issuable, by: User) -> tuple[Edit | None, str]:
    """Return the edit that an action causes, or `None` if it fails, and GitLab's message."""
    match action.name:
        case "close":
            return Edit(state_event="close"), "Closed this."
        case "reopen":
            return Edit(state_event="reopen"), "Reopened this."
        case "title" if action.argument:
            return Edit(title=action.argument), "Changed the title."
        case "confidential" if isinstance(issuable, Issue):
            return Edit(confidential=True), "Made this issue confidential."
        case "assign" | "unassign":
            return _translate_assignment(action, issuable, by)
        case name if name in _LABELLING:
            return _translate_labels(action, issuable)
    return None, action.failure


def _translate_assignment(
    action: QuickAction, issuable: Issuable, by: User
) -> tuple[Edit | None, str]:
    names = action.usernames() or ([by.username] if "me" in action.argument else [])
    named = [user for user in by.instance.users.values() if user.username in names]
    if action.name == "unassign":
        kept = [user for user in issuable.assignees if named and user not in named]
        return Edit(assignees=kept), "Removed assignees."
    if not named:
        return None, f"{action.failure} Failed to find users for the argument."
    together = list(dict.fromkeys([*issuable.assignees, *named]))
    return Edit(assignees=together), "Assigned " + ", ".join(f"@{name}" for name in names) + "."


def _translate_labels(action: QuickAction, issuable: Issuable) -> tuple[Edit | None, str]:
    names = tuple(name for name in action.labels() if name in issuable.project.labels)
    listed = " ".join(f"~{name}" for name in names)
    if action.name in ("unlabel", "remove_label"):
        removed = names or tuple(label.name for label in issuable.labels)
        return Edit(remove_labels=removed), f"Removed {listed or 'all'} label(s)."
    if not names:
        return None, f"{action.failure} Failed to find the label(s)."
    if action.name == "relabel":
        return Edit(labels=names), f"Replaced all labels with {listed} label(s)."
    return Edit(add_labels=names), f"Added {listed} label(s)."
