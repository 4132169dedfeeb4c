"""The exceptions that a project may raise or catch, in one place.

`ProtocolError`, which becomes a JSON-RPC error, is in `django_mcp.protocol.errors`; both are exported by `django_mcp`.
"""

from typing import Literal

from django.core.exceptions import ImproperlyConfigured

# A tool tells the model


class ToolError(Exception):
    """Tells the model that something went wrong: it reads the text in the call's result and can correct itself."""


class InvalidArguments(ToolError):
    """The arguments of a call do not fit the tool's schema; the text names each."""


class BudgetExceeded(ToolError):
    """A call used more than its budget. The text tells the model what to ask for instead."""


class ClientCannot(ToolError):
    """The client has not said that it can be asked this, or cannot be reached: the tool must do without."""


class ClientRefused(ToolError):
    """The client answered a request with an error."""


class ClientTimeout(ToolError):
    """The client did not answer in time."""


# A call ends


class Cancelled(BaseException):
    """The client has cancelled the request, or is gone: the package undoes what the function wrote."""


class ResourceNotFound(Exception):
    """There is no such resource, or none that this user may know of: a client cannot tell the two apart."""


# A declaration cannot be


class AlreadyRegistered(ImproperlyConfigured):
    """Two functions are declared under one name; the message says which was first."""


class Unreadable(TypeError):
    """A field that no JSON can fill, such as an uploaded file."""


# A row cannot be had


class TooManySessions(Exception):
    """No further session can be opened now; open sessions are not affected.

    `scope` says whose limit was reached: "principal", the caller's own (429: the caller can end a session or wait),
    "anonymous", that of all who have not signed in, or "server", everybody's together (503).
    """

    def __init__(self, scope: Literal["principal", "anonymous", "server"], limit: int) -> None:
        super().__init__(f"The limit of {limit} live sessions ({scope}) is reached.")
        self.scope = scope
        self.limit = limit


class ClientTooLarge(Exception):
    """The client's clientInfo and capabilities are longer than a session row stores: 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"clientInfo and capabilities take more than {limit} characters.")
        self.limit = limit


class TooManyClientRequests(Exception):
    """The client has too many requests of the server's to answer already."""


class UnknownEvent(Exception):
    """A `Last-Event-ID` that is not of this session, or whose successors are no longer kept."""


class TooManySubscriptions(Exception):
    """The session has subscribed to as many resources as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"This session has subscribed to {limit} resources, the most that it may: end one first.")
        self.limit = limit
