"""What a person reads of notes."""

from infra.sandbox.state import Noteable


def texts(noteable: Noteable) -> list[str]:
    """The comments on something, as GitLab shows them: without the invisible mark."""
    comments = [note.body for note in noteable.notes if not note.system]
    return [body.partition("\n\n<!-- gidgetlambda ")[0] for body in comments]
