"""Those outside who meet a crash: a customer at the site, and a person at a terminal. Both ask again until they know."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from config.system.boot.paths import PROJECT
from tests.crash_matrix.trial import Failed, Trial

ANSWER_WITHIN = 3.0
"""Seconds a client waits before it asks again."""

ASK_AGAIN_AFTER = 0.3


def ask_site(
    trial: Trial,
    path: str,
    *,
    body: Any,
    wanted: set[int],
    key: str = "",
    after_first_failure: Callable[[], None] = lambda: None,
) -> None:
    """Post until the answer is definite; a refusal is a failure of the trial."""
    headers = {"Content-Type": "application/json"}
    if key:
        # As long as the key of a caller without a token has to be.
        headers["Idempotency-Key"] = key.ljust(36, "-")
    while True:
        status, text = _post(trial.world.web_url + path, json.dumps(body).encode(), headers)
        trial.answers.append((status, text))
        if status in wanted:
            return
        if status != 409 and 400 <= status < 500:
            raise Failed(f"the site refused it with {status}: {text[:300]}")
        if len(trial.answers) == 1:
            after_first_failure()
        trial.pause(ASK_AGAIN_AFTER)


def run_command(trial: Trial, *arguments: str) -> None:
    """Run one of Django's commands in a process of its own, armed as every process of the world is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "django", *arguments],
        cwd=PROJECT,
        env={**os.environ, **trial.world.environment, "PYTHONPATH": str(PROJECT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    said, _ = process.communicate()
    trial.command_status = process.returncode
    trial.answers.append((process.returncode, said))
    if process.returncode and trial.charge.evidence() is None:
        raise Failed(f"`{' '.join(arguments)}` ended with {process.returncode}: {said[-500:]}")


def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Status and text of the answer; status 0 when there was none."""
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310 - our own loopback address
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_WITHIN) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        return 0, f"{type(error).__name__}: {error}"
