"""How many connections the operating system lets a server keep."""

from __future__ import annotations

from keras_sentiment.errors import InputError

MAX_CONNECTIONS = 4096
# Files that are no connections: the model, the log, what the runtime opens, and what comes between two turns
# of the event loop.
RESERVED = 64


def connection_limit(asked: int) -> int:
    """Returns the most connections of a server.

    Args:
        asked: int, 0 for as many as fit, at most `MAX_CONNECTIONS`.

    Raises:
        InputError: more are asked for than the process may have files open.
    """
    files = _file_limit()
    if files is None:
        return asked or MAX_CONNECTIONS
    most = files - min(RESERVED, files // 2)
    if asked > most:
        raise InputError(
            f"max_connections={asked}: this process may have {files} files open, which leaves "
            f"{most} connections; raise its limit (ulimit -n), or give a smaller --max-connections"
        )
    return asked or min(most, MAX_CONNECTIONS)


def _file_limit() -> int | None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft
