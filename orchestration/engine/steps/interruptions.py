"""What ends a process, raised by the code of a step: a failure of that step, and no reason for its worker to end."""

from __future__ import annotations

from types import TracebackType

from orchestration.sentences import explained

_WORKERS = ("billiard", "celery", "kombu", "gevent", "eventlet")
"""Packages that raise SystemExit where a worker is told to go."""
_ENDINGS = ("KeyboardInterrupt", "GeneratorExit", "GreenletExit")
"""What only the outside raises in a step."""


class Interrupted(RuntimeError):
    """A step has raised what is no Exception, such as the SystemExit of `sys.exit()`."""


def as_failure(error: BaseException) -> Exception:
    """Return what the code of a step has raised, as an error for its policy.

    `sys.exit()`, a cancelled coroutine and the panic of an extension module derive from BaseException. Let through, they end the worker
    process, and its step is taken for one that kills its workers.

    Raises:
        BaseException: it is not the step's own: the worker was told to go. Raised again as it is.
    """
    if isinstance(error, Exception):
        return error
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & set(_ENDINGS) or (isinstance(error, SystemExit) and _is_the_workers(error.__traceback__)):
        raise error
    failure = Interrupted(explained(f"the step ended with {type(error).__name__}", error))
    failure.__cause__ = error
    return failure


def _is_the_workers(traceback: TracebackType | None) -> bool:
    """Whether the innermost frame is a handler of the worker for a signal."""
    module = ""
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        traceback = traceback.tb_next
    return module.partition(".")[0] in _WORKERS
