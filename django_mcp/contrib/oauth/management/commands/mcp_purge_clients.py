"""manage.py mcp_purge_clients: deletes self-registered clients that are not used any more. For cron."""

from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import router, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_grant_model,
    get_refresh_token_model,
)
from oauth2_provider.settings import oauth2_settings

from django_mcp.management.helpful import HelpfulCommand

BATCH = 200
"""The number of clients that one transaction deletes."""


class Command(HelpfulCommand):
    help = gettext_lazy("Delete OAuth clients that registered themselves and hold no token or code that is alive.")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=30, help=_("only those that are at least this old (default: 30)")
        )
        parser.add_argument("--dry-run", action="store_true", help=_("count them and delete nothing"))

    def handle(self, *, days: int, dry_run: bool, verbosity: int, **options: Any) -> None:
        if not 0 <= days <= 36_500:
            raise CommandError(_("--days is a number from 0 to 36500."))
        before = timezone.now() - timedelta(days=days)
        count = unused(before).count() if dry_run else purge(before)
        if verbosity > 0:
            would = ngettext("Would purge %(count)d client.", "Would purge %(count)d clients.", count)
            did = ngettext("Purged %(count)d client.", "Purged %(count)d clients.", count)
            self.stdout.write((would if dry_run else did) % {"count": count})


def unused(before: datetime) -> "QuerySet[Any]":
    """The self-registered clients that were not changed lately and have no tokens. Run `manage.py
    cleartokens` first: it deletes expired refresh tokens.
    """
    clients, now = get_application_model(), timezone.now()
    sources = clients.RegistrationSource
    of_client = {"application": OuterRef("pk")}
    # A token for changing the client's own registration: no user has authorized the client with it.
    for_registration = {"scope": oauth2_settings.DCR_REGISTRATION_SCOPE}
    is_held = (
        Q(Exists(get_access_token_model().objects.filter(**of_client, expires__gt=now).exclude(**for_registration)))
        | Q(Exists(get_grant_model().objects.filter(**of_client, expires__gt=now)))
        | Q(Exists(get_refresh_token_model().objects.filter(**of_client, revoked__isnull=True)))
    )
    registered: QuerySet[Any] = clients._default_manager.filter(registration_source__in=[sources.DCR, sources.CIMD])
    return registered.filter(updated__lt=before).exclude(is_held)


def purge(before: datetime) -> int:
    """Deletes unused clients and their remaining tokens in batches; returns the number of clients."""
    alias = router.db_for_write(get_application_model())
    count = 0
    while pks := list(unused(before).using(alias).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic(using=alias):
            # Checked again under a lock: a user may have authorized a client meanwhile, and issuing a token needs the
            # client's row.
            rows = get_application_model()._default_manager.using(alias).select_for_update().filter(pk__in=pks)
            locked = [row.pk for row in rows]
            gone = list(unused(before).using(alias).filter(pk__in=locked))
            for client in gone:
                client.delete()
        count += len(gone)
        if not gone:
            break
    return count
