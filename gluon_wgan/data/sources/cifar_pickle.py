"""Read a batch of CIFAR-10's Python version without running anything that its pickle asks for.

A pickle is a program; Python's own reader imports and calls what it names. This reader follows
only the few instructions of which the official files consist, knows the three NumPy names in them,
and refuses everything else before it has any effect.
"""

from __future__ import annotations

import pickletools
from typing import Any, Optional

from gluon_wgan.data.sources.base import AnyPath, damaged
from gluon_wgan.errors import UserError

_MARK = object()
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_NUMBERS = {"BININT", "BININT1", "BININT2", "LONG1"}
# Python 2's byte strings, which pickletools hands over as Latin-1 text, Python 3's, and text.
_BYTE_STRINGS = {"SHORT_BINSTRING", "BINSTRING"}
_STRINGS = {"SHORT_BINBYTES", "BINBYTES", "BINUNICODE", "SHORT_BINUNICODE"}
_RECONSTRUCT, _ARRAY, _DTYPE, _ENCODE = "reconstruct", "ndarray", "dtype", "encode"
_NAMES = {
    "numpy.core.multiarray _reconstruct": _RECONSTRUCT,
    "numpy._core.multiarray _reconstruct": _RECONSTRUCT,
    "numpy ndarray": _ARRAY,
    "numpy dtype": _DTYPE,
    "_codecs encode": _ENCODE,  # how Python 3 writes bytes for Python 2
}


class _Name(str):
    """A name that a pickle imports, of which nothing is imported."""


class _Made(list):
    """Stands for an object that a pickle makes: what it is, its arguments, and its state once that is known."""


def read_batch(content: bytes, path: AnyPath) -> dict[bytes, Any]:
    """Return the dict in a pickled batch, with the array of pixels as bytes.

    Parameters
    ----------
    content
        The whole file.
    path
        What to call it in messages.

    Raises
    ------
    UserError
        If it is damaged, or asks for anything that the official files do not.
    """
    at = 0
    machine = _Machine(path)
    try:
        for instruction, argument, place in pickletools.genops(content):
            at = place or 0
            machine.follow(instruction.name, argument, at)
        found = machine.result
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, UnicodeError) as error:
        raise damaged(path, at, f"not the pickle of a CIFAR-10 batch: {error or type(error).__name__}") from error
    if not isinstance(found, dict):
        raise damaged(path, at, "its pickle holds no dict")
    return {key: _pixels(value) for key, value in found.items()}


class _Machine:
    """The stack and the memory that a pickle's instructions work on."""

    def __init__(self, path: AnyPath) -> None:
        self._path = path
        self._stack: list[Any] = []
        self._memory: dict[int, Any] = {}
        self.result: Optional[Any] = None

    def follow(self, name: str, argument: Any, place: int) -> None:
        """Follow one instruction, or raise UserError if it is none that the official files need."""
        stack = self._stack
        if name in _NUMBERS or name in _STRINGS:
            stack.append(argument)
        elif name in _BYTE_STRINGS:
            stack.append(argument.encode("latin-1"))
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memory[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(self._memory[argument])
        elif name == "GLOBAL":
            if argument not in _NAMES:
                raise self._refusal(f"imports {argument.replace(' ', '.')}", place)
            stack.append(_Name(_NAMES[argument]))
        elif name == "STOP":
            self.result = stack.pop()
        elif name != "PROTO":
            self._build(name, place)

    def _build(self, name: str, place: int) -> None:
        stack = self._stack
        if name in ("EMPTY_DICT", "EMPTY_LIST", "EMPTY_TUPLE", "MARK"):
            stack.append({"EMPTY_DICT": {}, "EMPTY_LIST": [], "EMPTY_TUPLE": (), "MARK": _MARK}[name])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3", "TUPLE"):
            items = self._since_mark() if name == "TUPLE" else self._last(int(name[-1]))
            stack.append(tuple(items))
        elif name in ("APPEND", "APPENDS"):
            items = self._last(1) if name == "APPEND" else self._since_mark()
            _of(list, stack[-1]).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._last(2) if name == "SETITEM" else self._since_mark()
            _of(dict, stack[-1]).update(zip(map(as_bytes, items[::2]), items[1::2]))
        elif name == "REDUCE":
            function, arguments = self._last(2)
            stack.append(_made(_of(_Name, function), _of(tuple, arguments)))
        elif name == "BUILD":
            state = stack.pop()
            _of(_Made, stack[-1])[2:] = [state]
        else:
            raise self._refusal(f"uses the instruction {name}", place)

    def _last(self, count: int) -> list[Any]:
        if len(self._stack) < count:
            raise ValueError("its stack is empty")
        items = self._stack[-count:]
        del self._stack[-count:]
        return items

    def _since_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    def _refusal(self, what: str, place: int) -> UserError:
        return UserError(
            f"{self._path} {what} at byte {place}, which no CIFAR-10 batch does, and is not read: fetch the official "
            "file."
        )


def _of(kind: Any, value: Any) -> Any:
    if type(value) is not kind:
        raise ValueError(f"a {kind.__name__.strip('_').lower()} is missing")
    return value


def _made(function: _Name, arguments: tuple[Any, ...]) -> Any:
    if function == _ENCODE:
        text, encoding = arguments
        return _of(str, text).encode(_of(str, encoding) if encoding in ("latin1", "latin-1") else "ascii")
    return _Made([function, arguments])


def as_bytes(text: Any) -> bytes:
    """Return a string of either Python as bytes, or raise ValueError."""
    return text.encode() if type(text) is str else _of(bytes, text)


def _pixels(value: Any) -> Any:
    """Return an array of unsigned bytes as bytes, and anything else as it is.

    The array's state is a version, the shape, the type, whether Fortran's order, and the bytes.
    """
    if type(value) is not _Made or value[0] != _RECONSTRUCT or len(value) != 3:
        return value
    _version, _shape, dtype, fortran, content = _of(tuple, value[2])
    if type(dtype) is not _Made or dtype[0] != _DTYPE or dtype[1][0] not in ("u1", b"u1") or fortran:
        raise ValueError("the array is not of unsigned bytes, row by row")
    return _of(bytes, content)
