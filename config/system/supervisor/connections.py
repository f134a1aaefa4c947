"""How many connections the web server holds open at once: so many that those who say nothing stand in nobody's way.

A connection that is silent for ten seconds is closed by the server; until then it costs a file descriptor and a few kilobytes. What
the web server can hold by default, about two thousand, one client can open within a second.
"""

from __future__ import annotations

import resource

MOST = 16_384
"""Connections of one process; more need a proxy before it, which is meant for that."""
BACKLOG = 4_096
"""Connections that wait in the kernel; Linux allows no more, unless told so."""
_OTHER_FILES = 256
"""Descriptors that a process needs for itself: its threads' connections to the database, log, modules."""
_ALL_FILES = MOST + _OTHER_FILES


def allowed() -> int:
    """Connections that one process can hold, by the descriptors that it may have."""
    return max(min(MOST, _files_allowed() - _OTHER_FILES), _OTHER_FILES)


def allow_files() -> None:
    """Let this process have as many descriptors as it needs for them, or as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _files_allowed():
        resource.setrlimit(resource.RLIMIT_NOFILE, (_files_allowed(), hard))


def _files_allowed() -> int:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _ALL_FILES if hard == resource.RLIM_INFINITY else min(hard, _ALL_FILES)
