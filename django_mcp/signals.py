"""What a project can listen to. Receivers run in the process that did the work, and an exception in one is logged and
goes no further: no receiver can fail a request or stop a purge.

The sender is the Session model. A session id opens nothing by itself, and is still not for logs: shorten it.
"""

from django.dispatch import Signal

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
"""A credential was revoked: the sessions that were opened with it are to end. Authenticators that know send it.

Argument: `principal`, the key under which its sessions are kept (`authentication.principal_key`). The package's own
receiver terminates them when the transaction commits.
"""
