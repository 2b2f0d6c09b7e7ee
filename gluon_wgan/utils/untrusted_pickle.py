"""Pickles that somebody else may have written: read without running what they ask for."""

from __future__ import annotations

import pickle
from typing import Any, Callable


class Refused(Exception):
    """A pickle names something that it does not need; the message is that name."""


# Python's own implementation: the one in C allocates a table as long as the largest memo index that a file names.
class DataUnpickler(pickle._Unpickler):
    """Makes what `find_class` of a subclass allows, lists, tuples, dicts of strings or whole numbers, and constants.

    Any exception may come of a damaged pickle.
    """

    stack: list[Any]
    pop_mark: Callable[[], list[Any]]

    def find_class(self, module: str, name: str) -> Any:
        """Return the function that stands for a name, or raise `Refused`."""
        raise Refused(f"{module}.{name}")

    def set_state(self, made: Any, state: Any) -> None:
        """Take the state that a pickle gives to what was made before; left out here."""

    def _build(self) -> None:
        state = self.stack.pop()
        self.set_state(self.stack[-1], state)

    def _make_dict(self) -> None:
        items = self.pop_mark()
        self.stack.append({})
        self._set(items)

    def _set_item(self) -> None:
        items, self.stack[-2:] = self.stack[-2:], []
        self._set(items)

    def _set_items(self) -> None:
        self._set(self.pop_mark())

    def _set(self, items: list[Any]) -> None:
        for key, value in zip(items[::2], items[1::2]):
            # The hash of tuples within tuples within tuples would need more stack than there is.
            if not isinstance(key, (str, bytes, int)):
                raise ValueError("a key is neither a string nor a number")
            self.stack[-1][key] = value

    # Without what makes objects in other ways, hashes what it finds, or reserves memory before it reads.
    dispatch = {  # noqa: RUF012
        **{
            code: method
            for code, method in pickle._Unpickler.dispatch.items()
            if bytes([code])
            not in (
                *(pickle.INST, pickle.OBJ, pickle.NEWOBJ, pickle.NEWOBJ_EX, pickle.EXT1, pickle.EXT2, pickle.EXT4),
                *(pickle.BYTEARRAY8, pickle.NEXT_BUFFER, pickle.READONLY_BUFFER),
                *(pickle.EMPTY_SET, pickle.ADDITEMS, pickle.FROZENSET),
            )
        },
        pickle.BUILD[0]: _build,  # type: ignore[dict-item]
        pickle.DICT[0]: _make_dict,  # type: ignore[dict-item]
        pickle.SETITEM[0]: _set_item,  # type: ignore[dict-item]
        pickle.SETITEMS[0]: _set_items,  # type: ignore[dict-item]
    }
