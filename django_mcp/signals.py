"""The signals that a project can listen to. Receivers run in the process that did the work. All of them are sent by
`send_robust`: an exception in a receiver is logged (`django.dispatch`) and goes no further, so no receiver can fail a
request, a `Model.save()` or a purge.

The sender is the Session model, for `server_changed` the MCPServer class, and for `credential_ended` the model of the
credential. A session id opens nothing by itself, and is still not for logs: shorten it.
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
"""A live session was ended on purpose: by its client's DELETE, or in the admin. Sent once a session.

Arguments: as `session_opened`, and `session_pk` (the row's primary key).
"""

session_expired = Signal()
"""Expired sessions were purged: sent once a batch, not once a session, so that purging a million stays cheap.

Argument: `session_ids`, a list. The rows are gone. Expiring itself sends nothing, since nothing happens then; a purge
that two processes run at once may name a session twice.
"""

server_changed = Signal()
"""A list of a server's changed, or a resource: its clients are to be told. The `notify_…` methods of a server send it.

Arguments: `server` (its name), `method` (the notification's), `uri` ("" for a list), `principal` (whose list; None for
everybody's). The package's own receiver publishes it when the transaction commits.
"""

session_message = Signal()
"""A notification for one session's client. `Session.send` sends it; the package's own receiver publishes it on commit.

Arguments: `session_pk`, `message` (the JSON-RPC notification).
"""

credential_ended = Signal()
"""A credential was revoked: the sessions that were opened with it are to end. Authenticators that know send it, by
`send_robust`.

Argument: `principal`, the key under which its sessions are kept (`authentication.principal_key`). The package's own
receiver terminates them when the transaction commits.
"""
