"""What a crash must leave behind: proof that the process failed as it was told to, and at that hook.

Each mode has its own proof, taken from outside the process wherever it can be: exit statuses, the pool's report, the state
of the process, the database server's list of connections, the words of an error.
"""

from __future__ import annotations

import re
import signal
import time

import psutil
from django.db import connection

from orchestration.core.planning.states import SagaState
from orchestration.models import SagaEvent
from tests.crash_matrix.arming import Evidence
from tests.crash_matrix.trial import Failed, Trial
from tests.crash_matrix.world import LEASE_SECONDS

_KILLED_CHILD = r"pid:{pid} exited with 'signal 9 \(SIGKILL\)'"
"""How Celery's pool reports a child."""

PROOF_WITHIN = 15.0


def prove(trial: Trial, evidence: Evidence) -> str:
    """Wait for the proof that the process failed as its mode says; wake what is frozen, when it is time.

    Returns:
        The proof, in words.

    Raises:
        Failed: there is none.
    """
    cell = trial.charge.cell
    if (evidence.point, evidence.mode) != (cell.point, cell.mode):
        raise Failed(f"the evidence is of {evidence.point}:{evidence.mode}")
    match cell.mode:
        case "kill" | "kill_group":
            return _death(trial, evidence)
        case "hang":
            return _freeze(trial, evidence)
        case "cut_db":
            return _cut(trial, evidence)
        case "raise":
            return _error(trial, evidence)
        case _:
            return _error(trial, evidence, may_be_mended=True)


def _death(trial: Trial, evidence: Evidence) -> str:
    pid = evidence.pid
    trial.wait_until(lambda: not _same_process(evidence), f"process {pid} is dead", seconds=PROOF_WITHIN)
    if any(arrival.pid == pid and arrival.at > evidence.at + 1 for arrival in trial.charge.trace()):
        raise Failed(f"process {pid} was to be dead, and worked on")
    died = -signal.SIGKILL
    whole = trial.charge.cell.mode == "kill_group"
    if trial.charge.cell.site.process == "command":
        trial.wait_until(lambda: trial.command_status is not None, "the command has ended")
        return _demand(trial.command_status == died, f"the command ended with {trial.command_status}")
    ended = trial.world.keeper.ended
    if whole or evidence.pid == evidence.group:
        trial.wait_until(
            lambda: evidence.group in ended, f"process {evidence.group} is dead", seconds=PROOF_WITHIN
        )
        return _demand(
            ended[evidence.group] == died, f"process {evidence.group} ended with {ended[evidence.group]}"
        )
    if trial.charge.cell.site.process == "web":
        trial.wait_until(
            lambda: _web_server_reports(pid, trial.world.keeper.logs()),
            f"the web server reports that {pid} ended unexpectedly",
            seconds=PROOF_WITHIN,
        )
        return f"the web server reports the unexpected end of process {pid}"
    pattern = re.compile(_KILLED_CHILD.format(pid=pid))
    trial.wait_until(
        lambda: pattern.search(trial.world.keeper.logs()) is not None,
        f"its pool reports that {pid} was killed by SIGKILL",
        seconds=PROOF_WITHIN,
    )
    return f"the pool reports process {pid} killed by SIGKILL"


def _web_server_reports(pid: int, log: str) -> bool:
    spawned = re.search(rf"Spawning (worker-\d+) with PID: {pid}\n", log)
    return spawned is not None and f"Unexpected exit from {spawned[1]}\n" in log[spawned.end() :]


def _freeze(trial: Trial, evidence: Evidence) -> str:
    process = psutil.Process(evidence.pid)
    trial.wait_until(
        lambda: process.status() == psutil.STATUS_STOPPED,
        f"process {evidence.pid} is frozen",
        seconds=PROOF_WITHIN,
    )
    try:
        if trial.charge.cell.holds_locks:
            trial.pause(2 * LEASE_SECONDS)
            if trial.has_ended():
                raise Failed("the order ended although its rows were locked by a frozen process")
        else:
            trial.wait_until(
                lambda: _goes_on_without(trial), "somebody else finished the order while it was frozen"
            )
            trial.pause(max(0.0, 2 * LEASE_SECONDS - (time.time() - evidence.at)))
        if process.status() != psutil.STATUS_STOPPED:
            raise Failed(f"process {evidence.pid} was woken by somebody else")
    finally:
        process.send_signal(signal.SIGCONT)
    trial.wait_until(
        lambda: any(a.pid == evidence.pid and a.point == "went on" for a in trial.charge.trace()),
        f"process {evidence.pid} went on where it was frozen",
        seconds=PROOF_WITHIN,
    )
    # What a woken process does wrongly, it does at once.
    trial.pause(1.0)
    return f"process {evidence.pid} was frozen, and went on when it was woken"


def _goes_on_without(trial: Trial) -> bool:
    """Whether the others have done what they can.

    A web server that is frozen keeps half of the carrier's news waiting until it is woken; an order placed there has gone on
    when it needs nothing more than that.
    """
    site = trial.charge.cell.site
    saga = trial.look()
    waits = saga is not None and saga.state == SagaState.WAITING.value
    return trial.has_ended() or (waits and site.process == "web" and site.story == "ordered")


def _cut(trial: Trial, evidence: Evidence) -> str:
    backend = evidence.backend
    if backend is None:
        raise Failed("there was no connection to be cut")
    trial.wait_until(lambda: not _has_backend(backend), "its connection is gone", seconds=PROOF_WITHIN)
    return f"the connection that server process {backend} served is gone"


def _error(trial: Trial, evidence: Evidence, *, may_be_mended: bool = False) -> str:
    token = trial.charge.token

    def is_told() -> bool:
        said = any(token in text for _, text in trial.answers) or token in trial.world.keeper.logs()
        return said or any(
            token in str(data)
            for data in SagaEvent.objects.filter(saga__reference=trial.reference).values_list(
                "data", flat=True
            )
        )

    def was_mended() -> bool:
        return may_be_mended and any(
            arrival.pid == evidence.pid and arrival.at >= evidence.at and arrival.point == "K10"
            for arrival in trial.charge.trace()
        )

    trial.wait_until(
        lambda: is_told() or was_mended(), "a log or the history has its error", seconds=PROOF_WITHIN
    )
    return (
        "its error stands in a log or in the history"
        if is_told()
        else "it looked whether the commit had happened"
    )


def _same_process(evidence: Evidence) -> bool:
    try:
        process = psutil.Process(evidence.pid)
        # A number that was given to a new process is not the old one.
        return process.create_time() <= evidence.at and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _has_backend(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid])
        return cursor.fetchone() is not None


def _demand(is_so: bool, words: str) -> str:
    if not is_so:
        raise Failed(words)
    return words
