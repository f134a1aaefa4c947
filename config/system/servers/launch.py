"""Replaces itself by a command that dies when its parent does. Run as a script: python launch.py OPTIONS -- COMMAND...

A supervisor that is killed with `kill -9` cannot end its children; the kernel does (Linux; elsewhere the next start finds
the leftovers). Standard library only: it runs before anything is imported, and costs a start of about 15 ms.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(death_signal: int) -> None:
    """Ask the kernel to send this process `death_signal` when its parent ends; does nothing where it cannot."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)


def become(uid: int, gid: int) -> None:
    """Drop every privilege of root for good."""
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def main() -> None:
    """Parse the options, change the account, tie the life, and become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, help="die with this process")
    parser.add_argument("--signal", type=int, default=signal.SIGKILL)
    parser.add_argument("--account", help="uid:gid")
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    if chosen.account:
        uid, gid = chosen.account.split(":")
        become(int(uid), int(gid))
    if chosen.parent:
        # After the change of account, which clears the tie.
        die_with_parent(chosen.signal)
        if os.getppid() != chosen.parent:
            sys.exit(1)  # it died before the tie was made
    os.execv(chosen.command[0], chosen.command)


if __name__ == "__main__":
    main()
