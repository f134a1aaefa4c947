"""What a packed message may unpack to. Kombu unpacks a message before anybody has looked at it, and a few bytes can say 300 MB.

Each way of packing that kombu knows is replaced by one that stops at `MAX_UNPACKED_BYTES`. Kombu keeps what a decoder raises with
its message, and hands both to whoever sets messages aside.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from kombu import compression

from orchestration.conf import engine_settings

MOST_MEMORY = 32 * 1024 * 1024
"""What an unpacker may ask for its own work: kombu's own encoders need a third of it, and a forged header asks for gigabytes."""
_WINDOW = 23
"""The same of Zstandard, as a power of two: 8 MB."""


class UnpacksTooLarge(ValueError):
    """A message unpacks to more than `MAX_UNPACKED_BYTES`."""


class Damaged(ValueError):
    """A message is not packed as it says."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Brotli:
    """Brotli's unpacker with the face of the others'."""

    unused_data = b""

    def __init__(self) -> None:
        self._unpacker = _one_of("brotli", "brotlicffi").Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._unpacker.is_finished())

    def decompress(self, data: bytes, max_length: int) -> bytes:
        # A release that knows no limit raises a TypeError, and the message is refused.
        return bytes(self._unpacker.process(data, output_buffer_limit=max_length))


def _zstandard() -> Any:
    zstd = _one_of("compression.zstd", "backports.zstd")
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW})


_UNPACKERS: dict[str, Callable[[], Any]] = {
    "application/x-gzip": zlib.decompressobj,
    "application/x-bz2": bz2.BZ2Decompressor,
    "application/x-lzma": lambda: lzma.LZMADecompressor(memlimit=MOST_MEMORY),
    "application/x-brotli": _Brotli,
    "application/zstd": _zstandard,
}
"""By the names under which kombu knows them."""


def bound_unpacking() -> None:
    """Have kombu unpack no further than allowed, in this process. Idempotent; a project's own ways of packing are left alone."""
    for kind in compression.encoders():
        if kind in _UNPACKERS:
            pack: Any = compression.get_encoder(kind)[0]  # type: ignore[index]  # a pair, whatever its stubs say
            compression.register(pack, _bounded(_UNPACKERS[kind]), kind)


def unpacked(unpacker: _Unpacker, packed: bytes, most: int) -> bytes:
    """Return what `packed` says.

    Raises:
        UnpacksTooLarge: it is more than `most` bytes.
        Damaged: it ends too early, or something follows it.
    """
    said = unpacker.decompress(packed, most + 1)
    if len(said) > most:
        raise UnpacksTooLarge(f"it unpacks to more than {most} bytes")
    if not unpacker.eof or unpacker.unused_data:
        raise Damaged("it is not packed as it says")
    return said


def _bounded(make: Callable[[], Any]) -> Callable[[bytes], bytes]:
    return lambda packed: unpacked(make(), packed, engine_settings().MAX_UNPACKED_BYTES)


def _one_of(*names: str) -> Any:
    for name in names:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise Damaged(f"{names[0]} is not installed")
