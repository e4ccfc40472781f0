"""Options that belong together are options like any other to whoever types them."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from infra.cli.options import grouped


@dataclass(frozen=True)
class Tea:
    kind: Annotated[str, typer.Option(help="Which leaves.")] = "green"
    minutes: Annotated[float, typer.Option(min=1)] = 3.0


@pytest.fixture
def kettle() -> typer.Typer:
    app = typer.Typer(add_completion=False)

    @app.command()
    @grouped
    def brew(*, cups: int = 1, tea: Tea, quiet: bool = False) -> None:
        """Boil the water."""
        typer.echo(f"{cups} {tea.kind} {tea.minutes:g} {quiet}")

    return app


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("", "1 green 3 False"),
        ("--minutes 5 --cups 2 --quiet --kind black", "2 black 5 True"),
    ],
)
def test_each_is_typed_by_itself_or_left_out(kettle: typer.Typer, typed: str, told: str) -> None:
    assert CliRunner().invoke(kettle, typed).stdout == f"{told}\n"


def test_what_is_typed_wrong_is_told_by_the_option(kettle: typer.Typer) -> None:
    done = CliRunner().invoke(kettle, "--minutes 0")
    assert done.exit_code == 2
    assert "--minutes" in done.stderr


def test_help_shows_them_where_their_group_stands(kettle: typer.Typer) -> None:
    told = CliRunner().invoke(kettle, "--help").stdout
    assert "Boil the water." in told
    assert "Which leaves." in told
    places = [told.index(name) for name in ("--cups", "--kind", "--minutes", "--quiet")]
    assert places == sorted(places)
