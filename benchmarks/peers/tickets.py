"""The model whose five tools are weighed: a ticket, as Django's own fields say it."""

from django.db import models


class Ticket(models.Model):
    title = models.CharField(max_length=200, help_text="one line, as the customer would say it")
    status = models.CharField(
        max_length=10,
        choices=[("new", "New"), ("open", "Being worked on"), ("waiting", "Waits for the customer"), ("done", "Done")],
        default="new",
    )
    priority = models.PositiveSmallIntegerField(default=3, help_text="1 is the most urgent")
    assigned_to = models.ForeignKey("auth.User", models.SET_NULL, null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "tickets"
        ordering = ("priority", "id")

    def __str__(self) -> str:
        return self.title
