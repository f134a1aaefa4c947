"""What a person decides about an event of our own that was set aside: send it again, now that its cause is mended."""

from __future__ import annotations

from django.db.models.functions import Now

from orchestration.core.definition.arguments import is_whole, shown
from orchestration.core.planning.kinds import HistoryKind
from orchestration.engine.database.connection import transaction
from orchestration.engine.outbox import relay
from orchestration.engine.outbox.set_aside import close_told
from orchestration.engine.rows.history import note
from orchestration.engine.rows.locks import lock_saga
from orchestration.errors import MessageNotFound, TransitionRefused
from orchestration.models import OutboxMessage
from orchestration.services.deciding import check_decision


def resend_event(*, message_id: int, by: str, reason: str) -> OutboxMessage:
    """Send an event again that was set aside; kept with who and why, at the message and at each saga that waits for it.

    The inbox takes each event once, so a copy that arrived meanwhile makes this one a duplicate, and nothing more.
    Opens a transaction, or joins the caller's; locks the message, then the sagas.

    Raises:
        MessageNotFound: there is no such message in the outbox.
        InvalidDecision: by or reason is empty.
        TransitionRefused: it was not set aside. Nothing has changed.
    """
    check_decision(by, reason)
    if not is_whole(message_id):
        raise MessageNotFound(
            f"there is no message {shown(message_id)} in the outbox; give the number of one"
        )
    with transaction.atomic():
        message = OutboxMessage.objects.select_for_update(no_key=True).filter(id=message_id).first()
        if message is None:
            raise MessageNotFound(f"there is no message {message_id} in the outbox")
        if message.set_aside_at is None:
            raise TransitionRefused(
                f"message {message_id} was not set aside; what is lost is sent again by itself"
            )
        message.set_aside_at = message.sent_at = message.claimed_until = None
        message.resent_at, message.resent_by, message.resent_because = Now(), by, reason
        message.save()
        key, event = message.payload["key"], message.payload["type"]
        for concerned in close_told(key=key, event=event, by=by, resolution=reason):
            saga = lock_saga(concerned.id)
            note(
                saga, HistoryKind.EVENT_RESENT, who=by, event=message.payload["id"], type=event, reason=reason
            )
            saga.save(update_fields=["last_seq"])
        transaction.on_commit(relay.wake, robust=True)
    return message
