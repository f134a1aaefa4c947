"""What `up` was asked for: its options, and the refusals that come before anything is started, each with what to type instead."""

from __future__ import annotations

import argparse
import os
import re
import shlex

from config.system.boot.paths import DataFolder
from config.system.boot.progress import Refusal, say
from config.system.servers.ports import is_free, who_listens
from config.system.supervisor.record import read_record
from orchestration.command_line import text
from orchestration.core.definition.arguments import shown

_LAST_PORT = 65535


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the options of `up`; ends the process where they are wrong."""
    parser = argparse.ArgumentParser(
        prog="manage.py up", description="Set everything up and run the whole system."
    )
    parser.add_argument("--fresh", action="store_true", help="start from empty data")
    parser.add_argument(
        "--host",
        type=text("a name or address of this machine", 255),
        default=os.environ.get("ORDERLY_HOST") or "127.0.0.1",
        help="where the web server listens",
    )
    parser.add_argument(
        "--port", type=_port, default=os.environ.get("ORDERLY_PORT", "8000"), help="of the web server (8000)"
    )
    parser.add_argument(
        "--flower-port",
        type=_port,
        default=os.environ.get("ORDERLY_FLOWER_PORT", "5555"),
        help="of Flower (5555)",
    )
    parser.add_argument(
        "--data-dir", metavar="FOLDER", help="where the system keeps everything (every command takes it)"
    )
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    number = int(text) if re.fullmatch("[0-9]{1,5}", text) else 0
    if not 0 < number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a port; give a number from 1 to {_LAST_PORT}")
    return number


def close_to_strangers(host: str) -> None:
    """Beyond this machine nothing is open by itself that is meant for whoever tries it out: it must be asked for by name."""
    if host in {"127.0.0.1", "::1", "localhost"} or os.environ.get("ORDERLY_ENV") == "production":
        return
    for name, what in (("ORDERLY_DEMO", "demo corner"), ("ORDERLY_API_ANONYMOUS", "API without a token")):
        if name not in os.environ:
            os.environ[name] = "0"
            say(f"the {what} is closed, because --host {host} is open to other machines; {name}=1 opens it")


def refuse_taken_ports(chosen: argparse.Namespace, folder: DataFolder) -> None:
    """Raise Refusal where another program listens on a port that was chosen, with the command for the next ports."""
    for host, option, port in (
        (chosen.host, "--port", chosen.port),
        ("127.0.0.1", "--flower-port", chosen.flower_port),
    ):
        if is_free(host, port):
            continue
        variable = "ORDERLY_" + option.strip("-").replace("-", "_").upper()
        ports = {"--port": chosen.port, "--flower-port": chosen.flower_port}
        ports[option] = port + 1 if port < _LAST_PORT else port - 1
        words = [str(word) for pair in ports.items() for word in pair]
        raise Refusal(
            f"port {port} is taken by {who_listens(port)}. Choose another one (or set {variable}): "
            f"{folder.command('up', *words)}"
        )


def already_runs(folder: DataFolder) -> str:
    """Say that an `up` runs on this folder, and how to stop it or to run another one beside it."""
    record = read_record(folder)
    process = record.processes[0].pid if record and record.processes else "unknown"
    address = f" at {record.addresses['storefront']}" if record and record.addresses else ""
    return (
        f"Orderly already runs on {folder.root} (process {process}){address}. Stop it with Ctrl-C there or with "
        f"`{folder.command('down')}`, or run a second one beside it: "
        f"python3 manage.py up --data-dir {shlex.quote(f'{folder.root}-2')} --port 8001 --flower-port 5556"
    )
