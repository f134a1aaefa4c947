"""E-mail as files: one .eml for each message, named by its Message-ID. A message that is there already is not sent again.

The folder is the setting EMAIL_FILE_PATH. Another backend (SMTP) is chosen by Django's EMAIL_BACKEND; it cannot be
asked what it has sent, so a crash between sending and recording may then send the same Message-ID twice.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

DOMAIN = "orderly.invalid"
"""Right of the @ in our Message-IDs; a name that can never belong to anybody else."""

_SAFE = re.compile(r"[A-Za-z0-9._-]{1,200}")


class EmlFileBackend(BaseEmailBackend):
    """Writes messages into a folder, each exactly once."""

    def __init__(self, *args: Any, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._folder = Path(file_path or settings.EMAIL_FILE_PATH)

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Write each message, unless it is there; returns how many are there now.

        Raises:
            ValueError: a message without a Message-ID that can name a file.
            OSError: the folder cannot be written.
        """
        for message in email_messages:
            self._write(self.path(_local_part(message)), message.message().as_bytes())
        return len(email_messages)

    def path(self, message_id: str) -> Path:
        """Where the message with this id is, or would be."""
        if not _SAFE.fullmatch(message_id) or message_id.startswith("."):
            raise ValueError(
                "a Message-ID that names a file has letters, digits, dot, dash and underscore only"
            )
        return self._folder / f"{message_id}.eml"

    def has(self, message_id: str) -> bool:
        """Whether the message with this id has left."""
        return self.path(message_id).is_file()

    def _write(self, path: Path, content: bytes) -> None:
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and then renamed: a crash leaves no half message that would count as sent.
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise


def _local_part(message: EmailMessage) -> str:
    header = str(message.extra_headers.get("Message-ID", ""))
    return header.removeprefix("<").partition("@")[0]
