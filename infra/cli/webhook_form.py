"""The names of GitLab's webhook form."""

from collections.abc import Iterable, Mapping

from .console import Printer

# The triggers that are not named like their event type.
_TRIGGERS = {
    "*": "all",
    "Note Hook": "Comments",
    "Confidential Note Hook": "Confidential comments",
    "Issue Hook": "Issues events",
    "Confidential Issue Hook": "Confidential issues events",
    "Release Hook": "Releases events",
    "Resource Access Token Hook": "Project or group access token events",
}


def print_form(printer: Printer, fields: Mapping[str, str], event_types: Iterable[str]) -> None:
    """Print what to enter in GitLab's webhook form.

    Args:
        printer: Prints it.
        fields: The values of the other fields.
        event_types: The event types of the bot's handlers.
    """
    triggers = dict.fromkeys(map(_trigger, event_types))
    printer.title("In GitLab, under Settings > Webhooks of the project, add a webhook:")
    for field, value in {**fields, "Trigger": ", ".join(triggers)}.items():
        printer.say(f"  {field:14} {value}")


def _trigger(event_type: str) -> str:
    """Return the trigger's name in the form: "Merge request events" for "Merge Request Hook"."""
    name = event_type.removesuffix(" Hook").capitalize()
    return _TRIGGERS.get(event_type, f"{name} events")
