"""Sessions in the database, with an outage told as what it is.

Django takes every error while it updates a session for a session that somebody has deleted, and answers 400: a browser
would be told that it did something wrong, and a proxy that nothing is worth trying again.
"""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import UpdateError

from orchestration.engine.database.errors import is_unavailable


class SessionStore(db.SessionStore):
    """Django's own store in the database."""

    def save(self, must_create: bool = False) -> None:
        """Write the session; raises the database's own error where that is unavailable."""
        try:
            super().save(must_create)
        except UpdateError as error:
            found = error.__context__
            if found is None or not is_unavailable(found):
                raise
            raise found from found.__cause__
