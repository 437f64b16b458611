"""The folder is the registry: which implementations of a family there are."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


def choices(package: ModuleType, base: type[T]) -> dict[str, type[T]]:
    """The implementations of `base` in a package folder, by file name, in alphabetical order.

    Every module of the folder holds exactly one concrete subclass of `base`; a TypeError names the
    module that does not. Modules whose name starts with an underscore are passed over.
    """
    return _choices(package.__name__, tuple(package.__path__), base)


@cache
def _choices(package: str, path: tuple[str, ...], base: type[T]) -> dict[str, type[T]]:
    found: dict[str, type[T]] = {}
    for info in sorted(pkgutil.iter_modules(path), key=lambda info: info.name):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"{package}.{info.name}")
            found[info.name] = _only_subclass(module, base)
    return found


def _only_subclass(module: ModuleType, base: type[T]) -> type[T]:
    subclasses = [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not inspect.isabstract(value)
    ]
    if len(subclasses) != 1:
        names = ", ".join(subclass.__name__ for subclass in subclasses) or "none"
        raise TypeError(
            f"{module.__name__} must hold exactly one {base.__name__}, got {names}. "
            "Give every implementation a file of its own."
        )
    return subclasses[0]
