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
confirm = local("tours.confirm", takes=Tour)

book_tour = saga(
    "tours.book",
    version=1,
    input=BookTour,
    flow=parallel(step(reserve, undo=release), step(hire, undo=dismiss))
    | step(confirm, undo=nothing("it is the last")),
)
