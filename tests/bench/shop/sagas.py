"""The two sagas, with the public words of the engine."""

from __future__ import annotations

from orchestration import Message, local, nothing, parallel, saga, step


class Parcel(Message):
    """What everything here is about."""

    parcel: str


accept = local("orders.bench_accept", takes=Parcel)
check = local("orders.bench_check", takes=Parcel)
charge = local("payments.bench_charge", takes=Parcel)
reserve = local("shipping.bench_reserve", takes=Parcel)
pack = local("shipping.bench_pack", takes=Parcel)
tell = local("orders.bench_tell", takes=Parcel)

_never = nothing("a benchmark is never undone")
_accept, _check, _charge = step(accept, undo=_never), step(check, undo=_never), step(charge, undo=_never)
_reserve, _pack, _tell = step(reserve, undo=_never), step(pack, undo=_never), step(tell, undo=_never)

chain = saga(
    "bench.chain",
    version=1,
    input=Parcel,
    flow=_accept | _check | _charge | _reserve | _pack | _tell,
)
pair = saga(
    "bench.parallel",
    version=1,
    input=Parcel,
    flow=_accept | _check | parallel(_charge, _reserve) | _pack | _tell,
)

DEFINITIONS = {"chain": chain, "parallel": pair}
