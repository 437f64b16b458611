"""Holds the engine to the tensor shapes that its signatures promise, at every call of a test.

Modules of the engine load no torch, so that their annotations name types that are imported for type
checkers alone. jaxtyping's own import hook would evaluate them too early; here a function is
checked from its first call on, when everything that its annotations name can be imported.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import FunctionType, ModuleType
from typing import Any

from beartype import BeartypeConf, beartype
from jaxtyping import jaxtyped

SHAPE = re.compile(r"\[Tensor, ['\"]")
typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))


class Loader(SourceFileLoader):
    """Loads a module and puts a check around every function that promises shapes."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then check its functions and the methods of its classes."""
        super().exec_module(module)
        for owner, name, function in promises(module):
            setattr(owner, name, checked(function))


class Finder(MetaPathFinder):
    """Finds the modules of one package for the loader above."""

    def __init__(self, package: str) -> None:
        self.package = package

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's usual place, with the loader above."""
        if fullname.partition(".")[0] != self.package:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = Loader(spec.loader.name, spec.loader.path)
        return spec


def install(package: str) -> None:
    """Check the shapes of every module of `package` that is imported from now on."""
    sys.meta_path.insert(0, Finder(package))


def promises(module: ModuleType) -> Iterator[tuple[Any, str, FunctionType]]:
    """The functions and methods of a module whose annotations hold shapes, with their owners."""
    classes = [item for item in vars(module).values() if inspect.isclass(item)]
    for owner in (module, *(each for each in classes if each.__module__ == module.__name__)):
        for name, item in list(vars(owner).items()):
            if isinstance(item, FunctionType) and item.__module__ == module.__name__:
                annotations = [str(each) for each in inspect.get_annotations(item).values()]
                if any(SHAPE.search(each) for each in annotations):
                    yield owner, name, item


def checked(function: FunctionType) -> Callable[..., Any]:
    """The function with a check of its arguments and its result against its annotations."""

    @functools.cache
    def check() -> Callable[..., Any]:
        module = sys.modules[function.__module__]
        for name, value in names_for_type_checkers(module).items():
            vars(module).setdefault(name, value)
        return jaxtyped(function, typechecker=typechecker)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        return check()(*args, **kwargs)

    return call


def names_for_type_checkers(module: ModuleType) -> dict[str, Any]:
    """What a module imports under `if TYPE_CHECKING:`."""
    names: dict[str, Any] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(statement.body, []), str(module.__file__), "exec"), names)
    return {name: value for name, value in names.items() if not name.startswith("__")}
