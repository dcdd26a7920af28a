"""The memory that an Arrow cell takes as a Python object, computed before it is converted."""

from __future__ import annotations

from typing import Any

from keras_sentiment.data.reviews import MAX_REVIEW_BYTES

# Bytes that each element of a list counts, because some elements, such as nulls, have no bytes.
_ELEMENT_BYTES = 16


def size_of(array: Any, place: int) -> int:
    """Return about how many bytes a cell has; if it is larger than `MAX_REVIEW_BYTES`, counting stops there.

    Args:
        array: an array of pyarrow.
        place: index of the cell.
    """
    from pyarrow import types

    if types.is_primitive(array.type) or types.is_null(array.type):
        return 0
    return _bytes_of(array[place]) if _has_bytes(array.type) else _size(array.slice(place, 1))


def _size(array: Any) -> int:
    """Return the bytes of the elements of an array."""
    from pyarrow import types

    kind = array.type
    if types.is_struct(kind):
        return sum(map(_size, array.flatten()))
    if holds_lists(kind) and not types.is_dictionary(kind):
        elements = array.flatten()
        size = _ELEMENT_BYTES * len(elements)
        return size if size > MAX_REVIEW_BYTES else size + _size(elements)
    # Dictionary and view arrays share bytes between values, so each value is counted.
    shares = not (types.is_primitive(kind) or types.is_null(kind) or _has_bytes(kind))
    if not shares:
        return int(array.nbytes)
    size = 0
    for scalar in array:
        size += _bytes_of(scalar)
        if size > MAX_REVIEW_BYTES:
            break
    return size


def _has_bytes(kind: Any) -> bool:
    """Return whether each value of a type has bytes of its own."""
    from pyarrow import types

    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
        or types.is_fixed_size_binary(kind)
        or types.is_decimal(kind)
    )


def _bytes_of(scalar: Any) -> int:
    if not scalar.is_valid:
        return 0
    if hasattr(scalar, "as_buffer"):
        return int(scalar.as_buffer().size)
    if (value := getattr(scalar, "value", None)) is not None and hasattr(value, "is_valid"):
        return _bytes_of(value)
    import pyarrow

    return _size(pyarrow.array([scalar], scalar.type))


def holds_lists(kind: Any) -> bool:
    """Return whether an Arrow type is a list, or a struct with lists."""
    from pyarrow import types

    tests = ("list", "large_list", "fixed_size_list", "list_view", "large_list_view", "map")
    if any(getattr(types, f"is_{name}")(kind) for name in tests if hasattr(types, f"is_{name}")):
        return True
    return types.is_struct(kind) and any(holds_lists(field.type) for field in kind)


def width_of(kind: Any) -> int:
    """Return the bytes that each value of an Arrow type takes, even a null: those of fixed-size types."""
    from pyarrow import types

    if types.is_fixed_size_binary(kind):
        return int(kind.byte_width)
    if types.is_dictionary(kind) or not types.is_nested(kind):
        return 0
    times = kind.list_size if types.is_fixed_size_list(kind) else 1
    return int(times * sum(width_of(kind.field(n).type) for n in range(kind.num_fields)))
