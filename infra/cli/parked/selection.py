"""Which parked tasks a command is about, and what is said of those that are not to be found."""

import fnmatch
from dataclasses import dataclass

from .inventory import Parked


@dataclass(frozen=True)
class Selection:
    """Which parked tasks a command is about; without any condition, all of them.

    ids: beginnings of ids.
    handler: a handler's name, or only its function's, or a pattern with `*`.
    parked_before: in seconds since the epoch.
    """

    ids: tuple[str, ...] = ()
    handler: str | None = None
    parked_before: float | None = None

    def takes(self, parked: Parked) -> bool:
        if self.ids and not any(parked.id.startswith(one) for one in self.ids):
            return False
        if self.handler is not None and not self._is_handler(parked.handler):
            return False
        return self.parked_before is None or parked.at <= self.parked_before

    def unclear(self, everything: list[Parked]) -> list[str]:
        """The beginnings that several ids share, told."""
        counts = {one: sum(parked.id.startswith(one) for parked in everything) for one in self.ids}
        return [
            f"{one} begins the ids of {count} parked tasks: write more of it."
            for one, count in counts.items()
            if count > 1
        ]

    def missing(self, everything: list[Parked]) -> list[str]:
        """What is named and not there, told."""
        missing = [
            f"No parked task has an id that begins with {one}. It may have been replayed or "
            "dropped already: `gidgetlambda parked list` shows what there is."
            for one in self.ids
            if not any(parked.id.startswith(one) for parked in everything)
        ]
        if self.handler is not None and not any(
            self._is_handler(one.handler) for one in everything
        ):
            there = sorted({parked.handler for parked in everything if parked.handler})
            missing.append(
                f"No parked task is of the handler {self.handler}."
                + (f" There are tasks of {', '.join(there)}." if there else "")
            )
        return missing

    def _is_handler(self, name: str | None) -> bool:
        if name is None or self.handler is None:
            return False
        function = name.rpartition(":")[2]
        return any(fnmatch.fnmatchcase(one, self.handler) for one in (name, function))
