"""What a process that reads untrusted files may answer: plain values, arrays of numbers, our plain types, and errors.

A process that a file has taken over may answer anything. So nothing in an answer is run, as ordinary unpickling would.
"""

import builtins
import dataclasses
import io
import pickle
import sys
from typing import Any

import numpy as np

_NUMBERS = "biuf"  # kinds of arrays


class _Writer(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, np.generic) and value.dtype.kind in _NUMBERS:
            return _number, (value.item(),)
        if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
            return array, (value.shape, value.dtype.str, bytearray(value.tobytes()))
        return NotImplemented


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found = getattr(sys.modules.get(module), name, None)
        if found in (array, _number):
            return found
        ours = module.startswith("emotionscope.") and (dataclasses.is_dataclass(found) or _is_error(found))
        if isinstance(found, type) and (ours or (module == builtins.__name__ and _is_error(found))):
            return found
        raise pickle.UnpicklingError(f"{module}.{name} in an answer")


def _is_error(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, Exception)


def _number(value: float) -> float:
    return value


def array(shape: tuple[int, ...], kind: str, content: bytearray) -> np.ndarray:
    """An array of numbers from its bytes. Raises ValueError where they do not fit."""
    dtype = np.dtype(str(kind))
    if dtype.kind not in _NUMBERS:
        raise ValueError(f"an array of {dtype}")
    return np.frombuffer(content, dtype).reshape(shape)


def dumps(answer: Any) -> bytes:
    """An answer as bytes. Raises pickle.PicklingError or TypeError for what cannot be one."""
    content = io.BytesIO()
    _Writer(content, protocol=5).dump(answer)
    return content.getvalue()


def loads(content: bytes) -> Any:
    """The answer in bytes that `dumps` has made. Raises ValueError for any others."""
    try:
        return _Reader(io.BytesIO(content)).load()
    except MemoryError:
        raise
    except Exception as error:  # of a damaged pickle there may be any
        raise ValueError(f"no answer ({type(error).__name__}: {error})") from error
