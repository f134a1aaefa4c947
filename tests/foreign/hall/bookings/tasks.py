"""What is done for a booking; the hall called `haunted` has a bug."""

from bookings import sagas
from bookings.models import Booking
from orchestration.participant import performs


@performs(sagas.book)
def book(command, context):
    return sagas.Booked(booking=Booking.objects.create(hall=command.hall).id)


@performs(sagas.release)
def release(command, context):
    Booking.objects.filter(id=command.booking).delete()


@performs(sagas.bill)
def bill(command, context):
    if command.hall == "haunted":
        return {}["bug"]


@performs(sagas.heat)
def heat(command, context):
    pass


@performs(sagas.thank)
def thank(command, context):
    pass
