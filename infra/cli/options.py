"""Options that several commands have, and how a command takes those that belong together as one."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

StackName = Annotated[
    str | None,
    typer.Option(
        "--stack",
        help="The bot's stack. Default: GIDGETLAMBDA_STACK, else samconfig.toml's.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command's parameter that is a dataclass stand for its fields, each an option.

    Typer itself makes one option of one parameter, so that commands which share options would each
    have to repeat them.

    command: its parameters are all named when it is called. A group's fields have defaults, and
        bear no other parameter's name.
    """
    parameters = inspect.signature(command).parameters.values()
    groups = {one.name: one.annotation for one in parameters if _is_group(one)}
    options = [option for one in parameters for option in _options(one)]

    @functools.wraps(command)
    def call(**given: Any) -> None:
        for name, group in groups.items():
            own = {field.name: given.pop(field.name) for field in dataclasses.fields(group)}
            given[name] = group(**own)
        command(**given)

    call.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    call.__annotations__ = {option.name: option.annotation for option in options}
    return call


def _is_group(parameter: inspect.Parameter) -> bool:
    return dataclasses.is_dataclass(parameter.annotation)


def _options(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if not _is_group(parameter):
        return [parameter]
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=field.type,
        )
        for field in dataclasses.fields(parameter.annotation)
    ]
