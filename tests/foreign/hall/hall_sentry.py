"""Sentry as a project starts it, with a transport that keeps each report as a line of a file."""

import json

import sentry_sdk
from sentry_sdk.transport import Transport


class FileTransport(Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def capture_envelope(self, envelope):
        event = envelope.get_event()
        if event is not None:
            with open(self.path, "a") as out:
                out.write(json.dumps(event, default=str) + "\n")


def start(path):
    sentry_sdk.init(dsn="https://key@sentry.invalid/1", transport=FileTransport(path))
