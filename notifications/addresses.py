"""Whether a mail server could take an address at all: decided before an order is taken, and again before sending. Pure."""

from __future__ import annotations

import unicodedata
from email.errors import MessageError
from email.headerregistry import Address

MOST = 254
"""Characters of a whole address (RFC 5321), counted as it is sent."""
MOST_LOCAL = 64
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Kinds of characters that a person cannot have typed, or that would break a header in two."""


def why_not_mailable(address: str) -> str:
    """Say why nothing can be mailed to an address; empty for one that can be put into a header and an envelope.

    It does what sending does: the domain is written in ASCII (IDNA), the local part is quoted where it has to be, and the
    whole is read back from the header.
    """
    if any(unicodedata.category(character) in _UNSEEN for character in address):
        return "has a character that cannot be seen"
    local, at, domain = address.rpartition("@")
    if not at or not local or not domain:
        return "has no name, no @ or no domain"
    if not local.isascii():
        return "has a character before the @ that mail servers do not take"
    if len(local) > MOST_LOCAL:
        return f"has more than {MOST_LOCAL} characters before the @"
    try:
        sent_as = f"{local}@{domain.encode('idna').decode('ascii')}"
        parsed = Address(addr_spec=sent_as)
    except (UnicodeError, ValueError, IndexError, MessageError):
        return "has a domain or a name that cannot be written in a mail's header"
    if parsed.addr_spec != sent_as and not local.startswith('"'):  # quotes may be superfluous
        return "means another address in a mail's header"
    return f"is longer than {MOST} characters as it is sent" if len(sent_as) > MOST else ""
