"""The exceptions that a project may raise or catch, in one place.

`ProtocolError`, which becomes a JSON-RPC error, is in `django_mcp.protocol.errors`; both are exported by `django_mcp`.
"""

from typing import Literal

from django.core.exceptions import ImproperlyConfigured

# Errors that the model reads


class ToolError(Exception):
    """An error for the model: it reads the text in the call's result and can correct itself."""


class InvalidArguments(ToolError):
    """The arguments of a call do not fit the tool's schema; the text names each error."""


class BudgetExceeded(ToolError):
    """A call exceeded its budget. The text tells the model what to ask for instead."""


class ClientCannot(ToolError):
    """The client has not declared the capability, or cannot be reached: the tool must do without an answer."""


class ClientRefused(ToolError):
    """The client answered a request with an error."""


class ClientTimeout(ToolError):
    """The client did not answer in time."""


# Ends of a call


class Cancelled(BaseException):
    """The client has cancelled the request, or has disconnected: the writes of the function are rolled back."""


class ResourceNotFound(Exception):
    """The resource does not exist, or this user may not see it: a client cannot distinguish the two."""


# Errors in declarations


class AlreadyRegistered(ImproperlyConfigured):
    """Two functions have the same name; the message says which was first."""


class Unreadable(TypeError):
    """A field that JSON cannot fill, such as an uploaded file."""


# Refusals of the storage


class TooManySessions(Exception):
    """No further session can be opened now; open sessions are not affected.

    `scope` names the limit: "principal", the caller's own (429: the caller can end a session or wait), "anonymous",
    that of all anonymous callers, or "server", that of all callers together (503).
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
    """Too many requests of the server wait for the client's answer."""


class UnknownEvent(Exception):
    """A `Last-Event-ID` that is not of this session, or whose next events were deleted."""


class TooManySubscriptions(Exception):
    """The session has reached its maximum number of subscriptions."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"This session has subscribed to {limit} resources, the most that it may: end one first.")
        self.limit = limit
