"""Fingerprints of parameters: plain data that is equal for equal values in other processes.

A checkpoint belongs to the training that made it, which its parameters determine. Most of them are
numbers and names; some are functions and objects. These are compared by what they do: a function by
its code and everything that the code refers to, an object by its class and state. Functions and
classes of installed libraries are compared by their names.
"""

import copyreg
import dis
import functools
import hashlib
import json
import os
import sys
import sysconfig
import types
from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np

# Attributes of a class that do not affect its behaviour, or that its bases determine.
_NOT_OF_A_CLASS = {
    *("__dict__", "__weakref__", "__slotnames__", "__static_attributes__", "__firstlineno__"),
    *("__doc__", "__module__", "__qualname__", "__parameters__", "__orig_bases__"),
    *("__annotations__", "__annotate_func__", "__annotations_cache__", "__match_args__"),
    *("__abstractmethods__", "_abc_impl", "__dataclass_fields__", "__dataclass_params__"),
}
_INSTALLED = tuple(
    os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")
)


class _UnknownError(Exception):
    """A value whose state cannot be inspected."""


def as_plain(value: Any) -> Any:
    """A value as JSON represents it, equal for equal values in other processes.

    Parameters
    ----------
    value : object
        A parameter. A function, a class or an object becomes its name with a digest of its code
        and state, see the module's docstring.

    Returns
    -------
    None, bool, int, float, str or list of these

    Raises
    ------
    ValueError
        If it contains an object whose state cannot be inspected, such as a lock or an open file.

    Examples
    --------
    >>> from functools import partial
    >>> from digitcnn._utils.identity import as_plain
    >>> as_plain({"b": (1, 2), "a": None})
    [['a', None], ['b', [1, 2]]]
    >>> as_plain(partial(max, default=1)) == as_plain(partial(max, default=2))
    False
    """
    try:
        return _Walk().describe(value)
    except _UnknownError as unknown:
        why = f"contains {unknown}: its state cannot be inspected"
    except RecursionError:
        why = "refers to too many other objects"
    raise ValueError(f"expected a value that can be identified, got {value!r}, which {why}")


class _Walk:
    """A recursive walk through a value, with a record of visited objects."""

    def __init__(self) -> None:
        # The depth of each value under description, which stands for references back to it.
        self.under_way: dict[int, int] = {}
        self.done: dict[int, str] = {}
        # Keeps temporary objects alive, so that no later object gets their id.
        self.alive: list[Any] = []

    def describe(self, value: Any) -> Any:
        if isinstance(value, np.generic):
            value = value.item()
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, str):
            return str(value)
        if isinstance(value, float):
            return value if isfinite(value) else ["float", repr(value)]
        if isinstance(value, complex | range | slice | types.EllipsisType):
            return [type(value).__name__, repr(value)]
        if isinstance(value, bytes | bytearray):
            return ["bytes", hashlib.sha256(value).hexdigest()]
        if isinstance(value, os.PathLike):
            return ["path", self.describe(os.fspath(value))]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__, self._source(value)]
        if isinstance(value, np.random.RandomState):
            _, keys, *rest = value.get_state(legacy=True)
            return [digest_arrays([np.asarray(keys)]), *rest]
        if type(value) is np.ndarray and value.dtype.kind != "O":
            return ["ndarray", digest_arrays([value])]
        # From here on, a value may contain others, including itself.
        if id(value) in self.done:
            return self.done[id(value)]
        if id(value) in self.under_way:
            return ["again", self.under_way[id(value)]]
        self.under_way[id(value)] = len(self.under_way)
        self.alive.append(value)
        try:
            described = self._describe_holder(value)
        finally:
            del self.under_way[id(value)]
        if isinstance(described, tuple):
            name, *parts = described
            text = json.dumps(parts, sort_keys=True)
            described = f"{name} {hashlib.sha256(text.encode()).hexdigest()[:32]}"
            self.done[id(value)] = described
        return described

    def _describe_holder(self, value: Any) -> Any:
        """A list, or a tuple of a name and the parts to be hashed."""
        if type(value) in (dict, types.MappingProxyType):
            pairs = [[self.describe(key), self.describe(one)] for key, one in value.items()]
            return sorted(pairs, key=repr)
        if isinstance(value, set | frozenset):
            return ["set", *sorted(map(self.describe, value), key=repr)]
        if type(value) in (tuple, list, np.ndarray):
            return [self.describe(one) for one in value]
        if isinstance(value, types.CodeType):
            return "code", *self._code(value)
        if isinstance(value, types.FunctionType):
            return value.__qualname__, *self._function(value)
        if isinstance(value, types.MethodType):
            return "method", self.describe(value.__func__), self.describe(value.__self__)
        if isinstance(value, functools.partial):
            inside = value.func, value.args, value.keywords, vars(value)
            return "partial", _name(type(value)), *map(self.describe, inside)
        if isinstance(value, type):
            return self._class(value)
        if isinstance(value, staticmethod | classmethod):
            return type(value).__name__, self.describe(value.__func__)
        if isinstance(value, property):
            return "property", *map(self.describe, (value.fget, value.fset, value.fdel))
        if isinstance(value, functools.cached_property):
            return "cached_property", self.describe(value.func)
        if hasattr(value, "get_config") and hasattr(type(value), "from_config"):
            return type(value).__qualname__, *self._keras_object(value)
        if hasattr(value, "__wrapped__"):  # such as a function under functools.cache
            return type(value).__qualname__, self.describe(value.__wrapped__)
        return type(value).__qualname__, *self._object(value)

    def _function(self, function: types.FunctionType) -> list[Any]:
        code = function.__code__
        closure = []
        for cell in function.__closure__ or ():
            try:
                closure.append([self.describe(cell.cell_contents)])
            except ValueError:  # not assigned yet
                closure.append([])
        read = {}
        for name in sorted(_globals_of(code)):
            if name in function.__globals__:
                read[name] = self._referred_to(function.__globals__[name])
        defaults = map(self.describe, (function.__defaults__, function.__kwdefaults__))
        return [self._code(code), *defaults, closure, read, self.describe(vars(function))]

    def _code(self, code: types.CodeType) -> list[Any]:
        constants = [
            self._code(one) if isinstance(one, types.CodeType) else [self.describe(one)]
            for one in code.co_consts
        ]
        counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount
        names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
        exceptions = getattr(code, "co_exceptiontable", b"").hex()
        numbers = [*counts, code.co_flags]
        return [code.co_code.hex(), exceptions, constants, *numbers, *map(list, names)]

    def _class(self, cls: type) -> Any:
        if not _is_own(cls.__module__):
            return [_name(cls)]
        own = {
            name: self._referred_to(one)
            for name, one in sorted(vars(cls).items())
            if name not in _NOT_OF_A_CLASS
            and not isinstance(one, types.MemberDescriptorType | types.GetSetDescriptorType)
        }
        return cls.__qualname__, own, [self.describe(base) for base in cls.__bases__]

    def _keras_object(self, value: Any) -> list[Any]:
        """An optimizer, schedule, layer or model, by its Keras configuration and weights."""
        try:
            config = dict(value.get_config())
        except Exception:
            raise _UnknownError(f"a {_name(type(value))} without get_config") from None
        if hasattr(value, "apply_gradients"):
            # Keras numbers automatic names of optimizers, and each process counts from the start.
            config.pop("name", None)
        weights = value.get_weights() if hasattr(value, "get_weights") else []
        kind, settings = self.describe(type(value)), self._config(config)
        return [kind, settings, digest_arrays(map(np.asarray, weights))]

    def _config(self, config: Any) -> Any:
        """A Keras configuration, with the code of the classes that it names."""
        from keras import saving

        if isinstance(config, dict):
            config, found = dict(config), None
            if "class_name" in config:
                module = sys.modules.get(str(config.get("module")))
                found = saving.get_registered_object(str(config.get("registered_name")))
                found = found or getattr(module, config["class_name"], None)
            if found is not None:
                config["module"] = None  # the class is described below
            pairs = [[str(name), self._config(one)] for name, one in config.items()]
            return [*sorted(pairs, key=repr), self.describe(found)]
        if isinstance(config, tuple | list):
            return [self._config(one) for one in config]
        return self.describe(config)

    def _object(self, value: Any) -> list[Any]:
        """An object, by what pickle would store."""
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
        except Exception:
            raise _UnknownError(f"a {_name(type(value))}") from None
        if isinstance(reduced, str):  # the name of a global
            module = getattr(value, "__module__", None)
            return [module, reduced]
        make, arguments, *rest = reduced
        state, items, pairs = [*rest, None, None, None][:3]
        if make in (getattr, object.__new__) or isinstance(make, types.BuiltinFunctionType):
            make = _name(make)
        items = None if items is None else list(items)
        pairs = None if pairs is None else dict(pairs)
        return [self._referred_to(make), *map(self.describe, (arguments, state, items, pairs))]

    def _referred_to(self, value: Any) -> Any:
        """An object that a function or class refers to: a library's by name, others in full."""
        return _name(value) if _is_a_librarys(value) else self.describe(value)

    def _source(self, module: types.ModuleType) -> str | None:
        """A digest of the source of one of the program's own modules, since any of it may run."""
        path = getattr(module, "__file__", None)
        if not path or not _is_own(module.__name__) or not os.path.isfile(path):
            return None
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()


def _globals_of(code: types.CodeType) -> set[str]:
    """The global names that code, and functions defined in it, refer to."""
    names = {
        str(one.argval)
        for one in dis.get_instructions(code)
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    }
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _globals_of(constant)
    return names


def _is_own(module: str | None) -> bool:
    """Whether a module belongs to the program, not to an installed library or this package."""
    name = str(module)
    if name in ("__main__", "__mp_main__") or name not in sys.modules:
        return True  # a script, a notebook, or code sent to a worker process
    path = getattr(sys.modules[name], "__file__", None)
    if path is None or name.partition(".")[0] == "digitcnn":
        return False
    path = os.path.realpath(path)
    is_installed = "site-packages" in path or "dist-packages" in path
    return not is_installed and not path.startswith(_INSTALLED)


def _is_a_librarys(value: Any) -> bool:
    """Whether an installed library defines exactly this function or class under its name.

    A closure that a library's function returned has such a name, but is not found under it.
    """
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or _is_own(module):
        return False
    found: Any = sys.modules[module]
    for part in name.split("."):
        found = getattr(found, part, None)
    return found is value


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def digest_arrays(arrays: Iterable[np.ndarray | None]) -> str:
    """A digest of the arrays' types, shapes and values."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none")
            continue
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        if array.size:
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return digest.hexdigest()
