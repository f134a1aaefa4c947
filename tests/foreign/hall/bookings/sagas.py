"""A saga in the words of whoever lets halls."""

from orchestration import Message, hours, local, nothing, parallel, saga, step, wait_for
from orchestration.core.definition.dsl import give_up


class BookHall(Message):
    hall: str


class Booked(Message):
    booking: int


class Opened(Message):
    door: str


book = local("bookings.book", takes=BookHall, gives=Booked)
release = local("bookings.release", takes=Booked)
bill = local("bookings.bill", takes=BookHall)
heat = local("bookings.heat", takes=BookHall)
thank = local("bookings.thank", takes=Opened)

let_hall = saga(
    "bookings.let",
    version=1,
    input=BookHall,
    flow=step(book, undo=release)
    | parallel(
        step(bill, undo=nothing("nobody has paid yet")),
        step(heat, undo=nothing("it gets cold by itself")),
    )
    | wait_for("doors.opened", within=hours(2), otherwise=give_up, gives=Opened)
    | step(thank, undo=nothing("it is the last")),
)
