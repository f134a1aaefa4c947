"""A saga in somebody else's words."""

from orchestration import Message, local, nothing, parallel, saga, step


class BookTour(Message):
    tour: str
    guide: str


class Tour(Message):
    tour: str


class Guide(Message):
    guide: str


reserve = local("tours.reserve", takes=Tour)
release = local("tours.release", takes=Tour)
hire = local("tours.hire", takes=Guide)
dismiss = local("tours.dismiss", takes=Guide)
announce = local("tours.announce", takes=Tour)
confirm = local("tours.confirm", takes=Tour)

book_tour = saga(
    "tours.book",
    version=1,
    input=BookTour,
    # Reserved before the fork: however its branches race, there is something to undo.
    flow=step(reserve, undo=release)
    | parallel(step(hire, undo=dismiss), step(announce, undo=nothing("it names no day")))
    | step(confirm, undo=nothing("it is the last")),
)
