"""When `up` is told to stop: by the first SIGINT, SIGTERM or SIGHUP. Those that follow change nothing.

Two at once are usual: whoever closes a terminal sends Ctrl-C and a hang-up, a service manager its own signal after that of a group. The
second one must not interrupt the orderly stop that the first has begun.
"""

from __future__ import annotations

import signal
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Raises SystemExit where the process stands, once, and remembers it."""

    def __init__(self) -> None:
        self.asked = False
        """Also looked at: what is raised inside a destructor is swallowed there."""

    def listen(self) -> None:
        """Take the signals from now on, also where this process was started with Ctrl-C ignored, as a script's background process is."""
        for number in _SIGNALS:
            signal.signal(number, self._end)

    def _end(self, number: int, frame: FrameType | None) -> None:
        # Handled here and not set to be ignored: of one that has come already Python would complain that it found no handler.
        if not self.asked:
            self.asked = True
            raise SystemExit(0)
