"""Notice that source files were saved, and whether they are Python at all."""

from pathlib import Path

Snapshot = dict[Path, tuple[int, int]]


class Sources:
    """The Python files below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._look()

    def changed(self) -> list[Path]:
        """The files saved, added or removed since the last call."""
        before, self._seen = self._seen, self._look()
        paths = before.keys() | self._seen.keys()
        return sorted(path for path in paths if before.get(path) != self._seen.get(path))

    def syntax_error(self) -> SyntaxError | None:
        """The first file's complaint that is no valid Python."""
        for path in sorted(self._seen):
            try:
                compile(path.read_bytes(), str(path), "exec")
            except FileNotFoundError:
                continue
            except SyntaxError as error:
                error.filename = error.filename or str(path)
                return error
            except ValueError as error:
                return SyntaxError(str(error), (str(path), None, None, None))
        return None

    def _look(self) -> Snapshot:
        found: Snapshot = {}
        for path in self._folder.rglob("*.py"):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            found[path] = (status.st_mtime_ns, status.st_size)
        return found
