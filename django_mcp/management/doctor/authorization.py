"""The way from a 401 to an authorization server, as a client goes it (RFC 9728, RFC 8414)."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext as _

from .findings import HOST, REQUEST_HEADERS, RESPONSE_HEADERS, Finding
from .wire import Answer, Unreachable, Wire


def challenge(wire: Wire, answer: Answer, *, has_credential: bool) -> Iterator[Finding]:
    """Findings about a 401: its challenge, the metadata that this names, and the authorization servers."""
    if has_credential:
        advice = _(
            "The token is not valid here, or a proxy removes Authorization (mod_wsgi: WSGIPassAuthorization On)."
        )
        yield Finding("credential", "problem", _("The endpoint does not take the token."), advice, REQUEST_HEADERS)
    else:
        advice = _("Name the environment variable that has a token, by --token-env, to examine the rest.")
        yield Finding("credential", "note", _("The endpoint asks for a credential."), advice)
    header = answer.headers.get("www-authenticate", "")
    if not header:
        advice = _("Pass WWW-Authenticate on: without it, a client cannot find out how to sign in.")
        yield Finding("challenge", "problem", _("The 401 has no challenge."), advice, RESPONSE_HEADERS)
        return
    named = re.search(r'resource_metadata="([^"]+)"', header)
    if named is None:
        text = _("The 401 asks for a token: %(scheme)s") % {"scheme": header.partition(" ")[0]}
        yield Finding("challenge", "ok", text)
        return
    yield from _metadata(wire, named[1])


def _metadata(wire: Wire, url: str) -> Iterator[Finding]:
    yield Finding("challenge", "ok", _("The 401 names its metadata: %(url)s") % {"url": url})
    try:
        answer = wire.at(url).send("GET", None, accept="application/json")
    except Unreachable as unreachable:
        advice = _("Set MCP_PUBLIC_URL to the address that clients use, or forward Host and X-Forwarded-Proto.")
        yield Finding("metadata", "problem", str(unreachable), advice, HOST)
        return
    document = answer.message
    if answer.status != 200 or not document:
        advice = _(
            'Add path("", include("django_mcp.well_known")) to the URLconf, and let the proxy pass /.well-known on.'
        )
        text = _("The metadata is answered %(status)d.") % {"status": answer.status}
        yield Finding("metadata", "problem", text, advice)
        return
    if str(document.get("resource", "")).rstrip("/") != wire.url.rstrip("/"):
        advice = _("Set MCP_PUBLIC_URL to the address that clients use, or forward Host and X-Forwarded-Proto.")
        text = _("The metadata is of %(resource)s, not of %(url)s: clients refuse it.")
        values = {"resource": document.get("resource"), "url": wire.url}
        yield Finding("metadata", "problem", text % values, advice, HOST)
    else:
        yield Finding("metadata", "ok", _("The metadata is of this address."))
    for issuer in document.get("authorization_servers", []):
        yield from _issuer(wire, str(issuer))


def _issuer(wire: Wire, issuer: str) -> Iterator[Finding]:
    for name in ("oauth-authorization-server", "openid-configuration"):
        try:
            answer = wire.at(_well_known(issuer, name)).send("GET", None, accept="application/json")
        except Unreachable as unreachable:
            advice = _("Is the authorization server reachable from here?")
            yield Finding("issuer", "problem", str(unreachable), advice)
            return
        if answer.status == 200 and answer.message:
            if answer.message.get("issuer") != issuer:
                values = {"issuer": issuer, "name": answer.message.get("issuer")}
                text = _("%(issuer)s calls itself %(name)s: clients refuse it.") % values
                advice = _("Configure one spelling of the issuer for both documents.")
                yield Finding("issuer", "problem", text, advice)
            else:
                text = _("The authorization server %(issuer)s describes itself.") % {"issuer": issuer}
                yield Finding("issuer", "ok", text)
            return
    text = _("%(issuer)s has no metadata (RFC 8414).") % {"issuer": issuer}
    yield Finding("issuer", "problem", text, _("Serve it, or name another issuer."))


def _well_known(issuer: str, name: str) -> str:
    parts = urlsplit(issuer)
    return urlunsplit((parts.scheme, parts.netloc, f"/.well-known/{name}{parts.path.rstrip('/')}", "", ""))
