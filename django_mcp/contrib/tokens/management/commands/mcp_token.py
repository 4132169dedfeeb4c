"""manage.py mcp_token: make, list and revoke API tokens."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_mcp.contrib.tokens.models import SHOWN, APIToken
from django_mcp.contrib.tokens.scopes import fault_of
from django_mcp.management.helpful import HelpfulCommand
from django_mcp.management.users import find_user


class Command(HelpfulCommand):
    help = gettext_lazy("Make, list and revoke the API tokens of users.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help=_("print a new token, once"))
        create.add_argument("user", help=_("the name that the user signs in with"))
        create.add_argument("name", help=_("what it is for"))
        create.add_argument("--scope", action="append", default=[], help=_("a scope; several times for several"))
        create.add_argument("--days", type=int, help=_("how long it is good for; without it, until it is revoked"))
        listing = verbs.add_parser("list", help=_("list tokens, never the tokens themselves"))
        listing.add_argument("--user", help=_("the name that the user signs in with"))
        revoke = verbs.add_parser("revoke", help=_("end a token, and the sessions that were opened with it"))
        revoke.add_argument("start", help=_("how the token begins, as list shows it, or all of it"))

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, verb)(**options)

    def create(self, user: str, name: str, scope: list[str], days: int | None, **options: Any) -> None:
        if days is not None and not 0 < days <= 36_500:
            raise CommandError(_("--days is a number from 1 to 36500."))
        if (fault := fault_of(scope)) is not None:
            raise CommandError(fault)
        try:
            APIToken._meta.get_field("name").clean(name, None)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        _token, text = APIToken.issue(find_user(user), name, scopes=scope, expires_at=expires_at)
        self.stdout.write(text)

    def list(self, user: str | None, **options: Any) -> None:
        tokens = APIToken.objects.select_related("user")
        for token in tokens.filter(user=find_user(user)) if user is not None else tokens:
            scopes = token.scopes or _("all scopes")
            self.stdout.write(
                f"{token.start}…  {token.user}  {token.name}  {scopes}  {_state_of(token)}  {_use_of(token)}"
            )

    def revoke(self, start: str, **options: Any) -> None:
        tokens = list(APIToken.objects.filter(start=start[:SHOWN], revoked_at__isnull=True).select_related("user")[:2])
        if len(tokens) != 1:
            several, none = _("There are several live tokens %(start)s…."), _("There is no live token %(start)s….")
            raise CommandError((several if tokens else none) % {"start": start[:SHOWN]})
        tokens[0].revoke()
        self.stdout.write(_("Revoked %(token)s of %(user)s.") % {"token": tokens[0], "user": tokens[0].user})


def _state_of(token: APIToken) -> str:
    if token.revoked_at:
        return _("revoked %(date)s") % {"date": f"{token.revoked_at:%Y-%m-%d}"}
    if token.expires_at:
        return _("until %(date)s") % {"date": f"{token.expires_at:%Y-%m-%d}"}
    return _("until revoked")


def _use_of(token: APIToken) -> str:
    if token.last_used_at:
        return _("used %(date)s") % {"date": f"{token.last_used_at:%Y-%m-%d}"}
    return _("never used")
