"""manage.py mcp_token: make, list and revoke API tokens."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from django_mcp.contrib.tokens.models import SHOWN, APIToken
from django_mcp.contrib.tokens.scopes import fault_of
from django_mcp.management.users import SIGNS_IN, find_user


class Command(BaseCommand):
    help = "Make, list and revoke the API tokens of users."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="print a new token, once")
        create.add_argument("user", help=SIGNS_IN)
        create.add_argument("name", help="what it is for")
        create.add_argument("--scope", action="append", default=[], help="a scope; several times for several")
        create.add_argument("--days", type=int, help="how long it is good for; without it, until it is revoked")
        listing = verbs.add_parser("list", help="list tokens, never the tokens themselves")
        listing.add_argument("--user", help=SIGNS_IN)
        revoke = verbs.add_parser("revoke", help="end a token, and the sessions that were opened with it")
        revoke.add_argument("start", help="how the token begins, as list shows it, or all of it")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, verb)(**options)

    def create(self, user: str, name: str, scope: list[str], days: int | None, **options: Any) -> None:
        if days is not None and not 0 < days <= 36_500:
            raise CommandError("--days is a number from 1 to 36500.")
        if (fault := fault_of(scope)) is not None:
            raise CommandError(fault)
        expires_at = timezone.now() + timedelta(days=days) if days is not None else None
        _, text = APIToken.issue(find_user(user), name, scopes=scope, expires_at=expires_at)
        self.stdout.write(text)

    def list(self, user: str | None, **options: Any) -> None:
        tokens = APIToken.objects.select_related("user")
        for token in tokens.filter(user=find_user(user)) if user is not None else tokens:
            ends = f"until {token.expires_at:%Y-%m-%d}" if token.expires_at else "until revoked"
            state = f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else ends
            used = f"used {token.last_used_at:%Y-%m-%d}" if token.last_used_at else "never used"
            scopes = token.scopes or "all scopes"
            self.stdout.write(f"{token.start}…  {token.user}  {token.name}  {scopes}  {state}  {used}")

    def revoke(self, start: str, **options: Any) -> None:
        tokens = list(APIToken.objects.filter(start=start[:SHOWN], revoked_at__isnull=True).select_related("user")[:2])
        if len(tokens) != 1:
            raise CommandError(f"There {'are several live tokens' if tokens else 'is no live token'} {start[:SHOWN]}….")
        tokens[0].revoke()
        self.stdout.write(f"Revoked {tokens[0]} of {tokens[0].user}.")
