"""The number of connections that the operating system allows a server."""

from __future__ import annotations

from keras_sentiment.errors import InputError

MAX_CONNECTIONS = 4096
# Open files that are not connections: the model, the log, files of the runtime. The rest is for connections
# that are accepted before they are counted.
RESERVED = 64


def connection_limit(asked: int) -> int:
    """Returns the most connections of a server.

    Args:
        asked: int; 0: as many as the limit of open files allows, at most `MAX_CONNECTIONS`.

    Raises:
        InputError: `asked` is more than the limit of open files allows.
    """
    files = _file_limit()
    if files is None:
        return asked or MAX_CONNECTIONS
    most = files - min(RESERVED, files // 2)
    if asked > most:
        raise InputError(
            f"max_connections={asked}: this process may open {files} files, which allows {most} connections; "
            "raise the limit (ulimit -n), or give a smaller --max-connections"
        )
    return asked or min(most, MAX_CONNECTIONS)


def _file_limit() -> int | None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return None
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft
