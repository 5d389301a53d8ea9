"""Registries: names to what can be plugged in, from this package and from other installed packages."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Callable, Container, Iterator
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Generic, TypeVar, cast

from fieldmark.errors import SettingError, unknown_name

__all__ = ["Registry"]

T = TypeVar("T")
Item = TypeVar("Item")


class Registry(Generic[T]):
    """Objects by name. Built-in ones are the modules of a package; other packages announce theirs as entry points.

    A module registers its object with the decorator `register`. It is imported when its name is asked for, so that
    listing the names imports nothing.

    Args:
        kind: What the objects are, for error messages: ``method``.
        group: Entry point group of other packages: ``fieldmark.methods``.
        package: Package whose modules are named after the built-in objects, or one module that registers all of
            them; None where all register on import.
        shared: Modules of that package that hold no object. Modules that start with ``_`` never do.
        lazy: False imports every module before the first answer: names then come from the decorators.
    """

    def __init__(
        self, kind: str, group: str, package: str | None = None, shared: Container[str] = (), *, lazy: bool = True
    ) -> None:
        self.kind = kind
        self.group = group
        self._package = package
        self._shared = shared
        self._lazy = lazy
        self._objects: dict[str, T] = {}
        self._before: dict[str, str] = {}

    def register(self, name: str, *, before: str | None = None) -> Callable[[Item], Item]:
        """Decorator that registers an object.

        Args:
            name: Its name; for a plug-in the name of its entry point.
            before: Name of an object that `load_all` must list after this one.

        Raises:
            SettingError: Another object has this name.
        """

        def add(item: Item) -> Item:
            there = self._objects.get(name)
            if there is not None and _home(there) != _home(item):
                raise SettingError(
                    f"two {self.kind}s are named '{name}', in {_home(there)[0]} and in {_home(item)[0]}: rename one of "
                    "them"
                )
            self._objects[name] = cast(T, item)
            if before is not None:
                self._before[name] = before
            return item

        return add

    @property
    def names(self) -> list[str]:
        """All names: sorted, or in the order of `load_all` where the registry is not lazy."""
        return sorted({*self._objects, *self._modules, *self._plugins}) if self._lazy else list(self.load_all())

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def load(self, name: str) -> T:
        """Return an object by name; import it first where needed.

        Raises:
            SettingError: There is no such object, or the package that announces it is broken.
        """
        if not self._lazy and name not in self._objects:
            self.load_all()
        if name in self._modules and name in self._plugins:
            raise SettingError(
                f"the {self.kind} '{name}' is built in, but {_package_of(self._plugins[name])} announces another one "
                "of that name: uninstall that package or rename its entry point"
            )
        if name not in self._objects and name in self._modules:
            importlib.import_module(self._modules[name])
        if name not in self._objects and name in self._plugins:
            self._import(self._plugins[name])
            if name not in self._objects:
                raise SettingError(
                    f"{_package_of(self._plugins[name])} announces the {self.kind} '{name}' but does not register it: "
                    f"decorate it in {self._plugins[name].module} with the name '{name}'"
                )
        if name not in self._objects:
            raise unknown_name(self.kind, name, self.names)
        return self._objects[name]

    def load_all(self) -> dict[str, T]:
        """Return all objects by name: in the order of their names, except where `before` asks for another one.

        Raises:
            SettingError: A package that announces one is broken.
        """
        for module in self._modules.values():
            importlib.import_module(module)
        for plugin in self._plugins.values():
            self._import(plugin)
        order: list[str] = []
        for name in sorted(self._objects):
            self._place(name, order)
        return {name: self._objects[name] for name in order}

    def summary(self, name: str) -> str:
        """Return the first line of the docstring of an object's module, without importing it; empty if unknown."""
        module = self._modules.get(name) or (self._plugins[name].module if name in self._plugins else None)
        if module is None:
            return (getattr(self._objects.get(name), "__doc__", None) or "").strip().partition("\n")[0]
        try:
            spec = find_spec(module)
            source = Path(spec.origin).read_text(encoding="utf-8") if spec and spec.origin else ""
            text = ast.get_docstring(ast.parse(source)) or ""
        except (ImportError, OSError, SyntaxError, ValueError):
            return ""
        return text.partition("\n")[0].removeprefix(f"``{name}``: ")

    @cached_property
    def _modules(self) -> dict[str, str]:
        """Name -> module of each built-in object."""
        if self._package is None:
            return {}
        found = pkgutil.iter_modules(getattr(importlib.import_module(self._package), "__path__", ()))
        names = (each.name for each in found if not each.name.startswith("_") and each.name not in self._shared)
        return {name: f"{self._package}.{name}" for name in names}

    @cached_property
    def _plugins(self) -> dict[str, EntryPoint]:
        return {plugin.name: plugin for plugin in entry_points(group=self.group)}

    def _import(self, plugin: EntryPoint) -> None:
        try:
            plugin.load()
        except Exception as error:  # whatever a stranger's module raises
            raise SettingError(
                f"{_package_of(plugin)} cannot be imported for its {self.kind} '{plugin.name}' "
                f"({type(error).__name__}: {error}): repair or uninstall that package"
            ) from error

    def _place(self, name: str, order: list[str], waiting: tuple[str, ...] = ()) -> None:
        """Insert a name before the one that it must precede, after that one has found its place."""
        if name in order:
            return
        after = self._before.get(name)
        if after in self._objects and after not in waiting:
            self._place(after, order, (*waiting, name))
        order.insert(order.index(after) if after in order else len(order), name)


def _home(item: object) -> tuple[str, str]:
    return getattr(item, "__module__", ""), getattr(item, "__qualname__", repr(item))


def _package_of(plugin: EntryPoint) -> str:
    return f"the package '{plugin.dist.name}'" if plugin.dist else f"the plug-in {plugin.value}"
