from django.db import models


class Booking(models.Model):
    hall = models.CharField(max_length=40)

    def __str__(self):
        return self.hall
