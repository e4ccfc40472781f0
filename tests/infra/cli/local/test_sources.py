"""Saved files are noticed, and broken ones told from good ones."""

from pathlib import Path

from infra.cli.local.sources import Sources


def test_saving_adding_and_removing_are_noticed_once(tmp_path: Path) -> None:
    kept, removed = tmp_path / "kept.py", tmp_path / "removed.py"
    for path in (kept, removed):
        path.write_text("x = 1\n")
    (tmp_path / "notes.txt").write_text("not Python")
    sources = Sources(tmp_path)
    assert sources.changed() == []
    kept.write_text("x = 10\n")
    removed.unlink()
    added = tmp_path / "plugins" / "added.py"
    added.parent.mkdir()
    added.write_text("")
    (tmp_path / "notes.txt").write_text("still not")
    assert sources.changed() == sorted([kept, removed, added])
    assert sources.changed() == []


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("x = 1\n")
    sources = Sources(tmp_path)
    assert sources.syntax_error() is None
    broken = tmp_path / "broken.py"
    broken.write_text("x = (\n")
    sources.changed()
    error = sources.syntax_error()
    assert error
    assert (error.filename, error.lineno) == (str(broken), 1)


def test_what_is_no_text_is_no_python(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_bytes(b"\x00\xff")
    error = Sources(tmp_path).syntax_error()
    assert error
    assert error.filename == str(tmp_path / "broken.py")
