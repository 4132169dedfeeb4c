"""What the package raises for its own callers to turn into an answer."""

from typing import Literal


class TooManySessions(Exception):
    """No further session can be opened now; the open ones are unharmed.

    `scope` says whose limit was reached: "principal", the caller's own (429: the caller can end a session or wait),
    "anonymous", that of all who have not signed in, or "server", everybody's together (503).
    """

    def __init__(self, scope: Literal["principal", "anonymous", "server"], limit: int) -> None:
        super().__init__(f"The limit of {limit} live sessions ({scope}) is reached.")
        self.scope = scope
        self.limit = limit


class ClientTooLarge(Exception):
    """The client describes itself (clientInfo, capabilities) at greater length than a session row keeps: 413."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"clientInfo and capabilities take more than {limit} characters.")
        self.limit = limit


class TooManySubscriptions(Exception):
    """The session has subscribed to as many resources as it may."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"This session has subscribed to {limit} resources, the most that it may: end one first.")
        self.limit = limit
