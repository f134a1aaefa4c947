"""`manage.py saga ...`: look at sagas, draw their definitions, and decide about them."""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from orchestration.command_line import LARGEST_ID, file, json_object, one_of, text, whole_number
from orchestration.core.definition.arguments import shown
from orchestration.core.planning.states import SagaState
from orchestration.core.storable import LONGEST_MESSAGE
from orchestration.engine.database.snapshot import reading
from orchestration.engine.messages.seals import source_key
from orchestration.errors import SagaError
from orchestration.models import Saga
from orchestration.operations.history_pages import PAGE
from orchestration.operations.lookup import saga_called
from orchestration.operations.replaying import compare_with_history
from orchestration.operations.terminal.counting import (
    dead_letters,
    dead_letters_page,
    statistics,
    statistics_page,
)
from orchestration.operations.terminal.drawing import drawing
from orchestration.operations.terminal.facts import everything, listing, summary
from orchestration.operations.terminal.pages import console_for, list_page, saga_page
from orchestration.operations.terminal.words import harmless
from orchestration.services import (
    cancel_saga,
    pause_saga,
    resend_event,
    resume_saga,
    retry_step,
    settle_step,
    skip_step,
)
from orchestration.services.deciding import LONGEST_NAME

REF = "saga id, reference (such as an order number) or business key"
_ref = text(f"a {REF}", 200)
_most = whole_number(most=1_000_000)


class Command(BaseCommand):
    """With --json one object is last on stdout. Exit status: 0, or 1 with the reason on stderr."""

    help = "Look at sagas, draw their definitions, and decide about them."

    def add_arguments(self, parser: CommandParser) -> None:
        commands = parser.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND")

        def command(
            name: str, told: str, act: Callable[[dict[str, Any]], None], *, ref: bool = True
        ) -> CommandParser:
            added: CommandParser = commands.add_parser(name, help=told)
            added.set_defaults(act=act)
            if ref:
                added.add_argument("ref", type=_ref, metavar="REF", help=REF)
            if name != "graph":
                added.add_argument("--json", action="store_true", help="print one JSON object")
            return added

        listed = command("list", "the newest sagas", self._list, ref=False)
        listed.add_argument("--state", type=one_of([state.value for state in SagaState]), metavar="STATE")
        listed.add_argument("--definition", type=text("the name of a definition"), metavar="NAME")
        listed.add_argument("--limit", type=_most, default=50, metavar="N", help="at most so many (50)")
        shown = command("show", "one saga and what happened to it, the newest first", self._show)
        shown.add_argument(
            "--before",
            type=whole_number(),
            metavar="N",
            help="only entries of its history before this number",
        )
        shown.add_argument(
            "--limit", type=_most, default=PAGE, metavar="N", help=f"at most so many entries ({PAGE})"
        )
        command("replay", "rebuild a saga from its history and compare", self._replay)
        graph = command("graph", "draw a definition", self._graph, ref=False)
        graph.add_argument(
            "definition",
            type=text("the name of a definition"),
            metavar="DEFINITION",
            help="its name, or name@version",
        )
        graph.add_argument(
            "--format",
            type=one_of(["mermaid", "svg", "json"]),
            default="mermaid",
            metavar="FORMAT",
            help="mermaid, svg or json (mermaid)",
        )
        graph.add_argument(
            "--saga", type=_ref, metavar="REF", help="colour the steps as they stand in this saga"
        )
        graph.add_argument("--out", type=file, metavar="FILE", help="write to a file instead of stdout")
        retried = command("retry", "have a step that was given up tried again", self._retry)
        settled = command("settle", "say what became of a step, having looked at the provider", self._settle)
        skipped = command("skip", "leave out an undo that was given up, or a step past the pivot", self._skip)
        for steps in (retried, settled, skipped):
            _add_step(steps, usual="undo" if steps is skipped else "forward")
        retried.add_argument(
            "--now",
            action="store_true",
            help="a step that waits for its next attempt: have that at once, and keep its count",
        )
        outcome = settled.add_mutually_exclusive_group(required=True)
        outcome.add_argument(
            "--done", dest="outcome", action="store_const", const="done", help="it took effect"
        )
        outcome.add_argument(
            "--absent",
            dest="outcome",
            action="store_const",
            const="absent",
            help="it has none and never will",
        )
        settled.add_argument(
            "--result", type=json_object, metavar="JSON", help="with --done: what the step gave"
        )
        settled.add_argument(
            "--result-type",
            type=text("the name of a result's type"),
            metavar="TYPE",
            help="where the result would fit several types",
        )
        cancelled = command("cancel", "stop a saga and have it undone", self._cancel)
        aside = command(
            "dead-letters", "messages that no worker could take in", self._dead_letters, ref=False
        )
        aside.add_argument("--limit", type=_most, default=50, metavar="N", help="at most so many (50)")
        command("stats", "sagas by state, rescues by reason, what waits", self._stats, ref=False)
        resent = command(
            "resend", "send an event again that a worker of ours had set aside", self._resend, ref=False
        )
        resent.add_argument(
            "message", type=whole_number(most=LARGEST_ID), metavar="MESSAGE", help="number in the outbox"
        )
        key = command(
            "key", "the key with which a source seals its events; keep it secret", self._key, ref=False
        )
        key.add_argument(
            "source", type=text("a source of events", 100), metavar="SOURCE", help="as its events name it"
        )
        paused = command("pause", "hold a saga where it is", self._pause)
        resumed = command("resume", "let a paused saga go on", self._resume)
        for decision in (retried, settled, skipped, cancelled, resent, paused, resumed):
            decision.add_argument(
                "--reason",
                type=text("a reason", LONGEST_MESSAGE, "say why in"),
                required=True,
                help="why; kept in the history",
            )
            decision.add_argument(
                "--by",
                type=text("a name", LONGEST_NAME, "say who decides in"),
                default=_who(),
                metavar="NAME",
                help="who decides; kept in the history",
            )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            options["act"](options)
        except SagaError as error:
            told = "\n".join(harmless(line) for line in str(error).splitlines())
            raise CommandError(told, returncode=1) from error
        finally:
            self.stdout.flush()

    def _list(self, options: dict[str, Any]) -> None:
        with reading():
            found = listing(state=options["state"], definition=options["definition"], limit=options["limit"])
        self._answer(options, found, list_page(found))

    def _show(self, options: dict[str, Any]) -> None:
        with reading():
            facts = everything(saga_called(options["ref"]), before=options["before"], most=options["limit"])
        self._answer(options, facts, *saga_page(facts))

    def _dead_letters(self, options: dict[str, Any]) -> None:
        with reading():
            self._answer(options, dead_letters(options["limit"]), *dead_letters_page(options["limit"]))

    def _resend(self, options: dict[str, Any]) -> None:
        message = resend_event(message_id=options["message"], by=options["by"], reason=options["reason"])
        facts = {"message": message.id, "type": message.payload["type"], "key": message.payload["key"]}
        self._answer(options, facts, harmless(f"resend: message {message.id}, {message.payload['type']}"))

    def _key(self, options: dict[str, Any]) -> None:
        source = options["source"]
        self._answer(options, {"source": source, "key": source_key(source)}, source_key(source))

    def _stats(self, options: dict[str, Any]) -> None:
        with reading():
            facts = statistics()
        self._answer(options, facts, statistics_page(facts))

    def _replay(self, options: dict[str, Any]) -> None:
        with reading():
            saga = saga_called(options["ref"])
            compared = compare_with_history(saga.id)
        facts = {
            "id": str(saga.id),
            "entries": compared.rebuilt.entries,
            "state": compared.rebuilt.state,
            "ok": not compared.differences,
            "differences": compared.differences,
        }
        told = f"{compared.rebuilt.entries} entries lead to {compared.rebuilt.state}"
        wrong = "".join(f"\n  {harmless(difference)}" for difference in compared.differences)
        self._answer(options, facts, f"{told}{':' + wrong if wrong else ', as the rows say.'}")
        if wrong:
            raise CommandError(f"the history of {saga} does not lead to its rows", returncode=1)

    def _graph(self, options: dict[str, Any]) -> None:
        drawn = drawing(options["definition"], format=options["format"], ref=options["saga"])
        if options["out"] is None:
            self.stdout.write(drawn, ending="")
            return
        try:
            options["out"].write_text(drawn, encoding="utf-8")
        except OSError as error:
            raise CommandError(
                f"cannot write {shown(str(options['out']))}: {error.strerror}", returncode=1
            ) from None
        self.stderr.write(f"written to {options['out']}", lambda text: text)

    def _cancel(self, options: dict[str, Any]) -> None:
        self._decide(options, cancel_saga, reason=options["reason"])

    def _retry(self, options: dict[str, Any]) -> None:
        self._decide(
            options,
            retry_step,
            step=options["step"],
            direction=options["direction"],
            reason=options["reason"],
            now=options["now"],
        )

    def _settle(self, options: dict[str, Any]) -> None:
        self._decide(
            options,
            settle_step,
            **{
                name: options[name]
                for name in ("step", "direction", "outcome", "reason", "result", "result_type")
            },
        )

    def _skip(self, options: dict[str, Any]) -> None:
        self._decide(
            options, skip_step, step=options["step"], direction=options["direction"], reason=options["reason"]
        )

    def _pause(self, options: dict[str, Any]) -> None:
        self._decide(options, pause_saga, reason=options["reason"])

    def _resume(self, options: dict[str, Any]) -> None:
        self._decide(options, resume_saga, reason=options["reason"])

    def _decide(self, options: dict[str, Any], service: Callable[..., Saga], **arguments: Any) -> None:
        found = saga_called(options["ref"])
        service(saga_id=found.id, by=options["by"], **arguments)
        saga = Saga.objects.get(id=found.id)
        paused = ", paused" if saga.paused else ""
        self._answer(options, summary(saga), harmless(f"{options['subcommand']}: {saga}{paused}"))

    def _answer(self, options: dict[str, Any], facts: dict[str, Any], *page: Any) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
        else:
            console_for(self.stdout).print(*page, sep="\n", markup=False)


def _add_step(parser: CommandParser, *, usual: str) -> None:
    parser.add_argument("step", type=text("the name of a step"), metavar="STEP")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--undo", dest="direction", action="store_const", const="undo", default=usual)
    if usual == "undo":
        way.add_argument(
            "--forward", dest="direction", action="store_const", const="forward", help="a step past the pivot"
        )
    way.add_argument("--after-undo", dest="direction", action="store_const", const="after_undo")


def _who() -> str:
    """Who sits at the terminal, as the history keeps it."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
