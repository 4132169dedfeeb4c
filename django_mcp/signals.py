"""Signals for projects. Receivers run in the process that did the work. All signals are sent by `send_robust`: an
exception in a receiver is logged (`django.dispatch`), and cannot fail a request, a `Model.save()` or a purge.

The sender is the Session model; for `server_changed` the MCPServer class, and for `credential_ended` the model of the
credential. A session id alone gives no access, but should still not be logged whole: shorten it.
"""

from typing import Final

from django.dispatch import Signal

__all__: Final = [
    "credential_ended",
    "server_changed",
    "session_expired",
    "session_message",
    "session_opened",
    "session_terminated",
]

session_opened = Signal()
"""A client completed `initialize`.

Arguments: `session_id`, `server` (its name), `principal` ("" when anonymous), `user_id` (the user's primary key or
None).
"""

session_terminated = Signal()
"""A live session was terminated: by its client's DELETE, or in the admin. Sent once per session.

Arguments: as `session_opened`, and `session_pk` (the row's primary key).
"""

session_expired = Signal()
"""Expired sessions were purged. Sent once per batch, not per session, so that purging a million is cheap.

Argument: `session_ids`, a list. The rows are deleted. Nothing is sent at the moment of expiry. Two purges at the same
time may both name a session.
"""

server_changed = Signal()
"""A list or a resource of a server changed, and its clients are to be notified. A server's `notify_…` methods send
this.

Arguments: `server` (its name), `method` (the notification's), `uri` ("" for a list), `principal` (whose list; None for
all). The package's own receiver publishes the change on commit.
"""

session_message = Signal()
"""A notification for one session's client. `Session.send` sends it; the package's own receiver publishes it on commit.

Arguments: `session_pk`, `message` (the JSON-RPC notification).
"""

credential_ended = Signal()
"""A credential was revoked: the sessions that were opened with it are to end. Authenticators that know send it, by
`send_robust`.

Argument: `principal`, the key under which its sessions are stored (`authentication.principal_key`). The package's own
receiver terminates them on commit.
"""
