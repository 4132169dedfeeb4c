"""A visit of a client to a server: each behaviour as a word that can be compared with that of another day."""

from tests.clients.driver import Answer, Driver
from tests.clients.site import Site

TOOLS = ("add", "ask_name", "count", "describe_caller")
SUM = "8888888"
"""No port, which the words of an error may have."""
REFUSAL = "elicitation, and this one does not."
"""Ends the text that a handshake client's model reads; a modern client gets error -32021."""
HEARD_SECONDS = 12
"""Twice the time after which a client comes back for its stream (`MCP_RETRY_MILLISECONDS`), and two polls."""

YES, NO, ERROR = "yes", "no", "error"
BEHAVIOURS = (
    "connect",
    "era",
    "declares",
    "list",
    "call",
    "read",
    "prompt",
    "elicitation",
    "progress",
    "changes",
    "restart",
    "changes after a restart",
    "closed",
    "session ended",
)


class Visit:
    """One client at one server. `facts` has a word for each behaviour, and `said` what the client gave."""

    def __init__(self, driver: Driver, site: Site, version: str) -> None:
        self.driver, self.site, self.version = driver, site, version
        self.facts: dict[str, str] = {}
        self.said: dict[str, str] = {}

    def run(self) -> None:
        self.note("connect", ERROR if (connected := self.connect()).error else YES, connected)
        self.be_described()
        self.look_around()
        self.be_asked()
        self.hear_progress()
        self.outlive_a_restart()
        self.leave()
        self.lose_the_session()
        self.driver.ask("close")

    def note(self, behaviour: str, word: str, *answers: Answer) -> None:
        self.facts[behaviour] = word
        self.said[behaviour] = " | ".join(answer.words for answer in answers)

    def connect(self) -> Answer:
        return self.driver.ask("connect", f"{self.site.url}/mcp")

    def call(self, tool: str, **arguments: object) -> Answer:
        return self.driver.ask("call", tool, arguments)

    def add(self) -> Answer:
        return self.call("add", a=1234567, b=7654321)

    def be_described(self) -> None:
        described = self.call("describe_caller")
        eras = [era for era in ("handshake", "modern") if era in described.words]
        self.note("era", *(eras or [ERROR]), described)
        capabilities = [name for name in ("elicitation", "roots", "sampling") if name in described.words]
        self.note("declares", ", ".join(capabilities) or "nothing", described)

    def look_around(self) -> None:
        self.check("list", listed := self.driver.ask("tools"), all(tool in listed.words for tool in TOOLS))
        self.check("call", added := self.add(), SUM in added.words)
        self.check("read", read := self.driver.ask("read", "note://motto"), "Festina lente" in read.words)
        prompted = self.driver.ask("prompt", "greeting", {"name": "Ada"})
        self.check("prompt", prompted, "Say hello to Ada." in prompted.words)

    def check(self, behaviour: str, answer: Answer, is_right: bool) -> None:
        self.note(behaviour, NO if answer.missing else YES if is_right and not answer.error else ERROR, answer)

    def be_asked(self) -> None:
        """Where the client cannot ask its user, the server says so: to the model, or by an error of the protocol."""
        asked = self.call("ask_name")
        # Some libraries raise the text of a tool; their agents hand it to the model.
        refused = "the model is told" if REFUSAL in asked.words else ERROR
        self.note("elicitation", YES if "Hello, Ada" in asked.words else refused, asked)

    def hear_progress(self) -> None:
        counted = self.driver.ask("count")
        if counted.missing:
            counted = self.call("count")
            self.note("progress", "the call works" if "Counted to three" in counted.words else ERROR, counted)
        else:
            self.check("progress", counted, counted.value == [1, 2, 3])

    def outlive_a_restart(self) -> None:
        before = self.hear_change()
        self.note("changes", self.heard(before), before)
        self.site.restart()
        first, second = self.add(), self.add()
        self.note("restart", recovery(first, second, "goes on"), first, second)
        if before.value:
            after = self.hear_change()
            self.note("changes after a restart", self.heard(after), after)

    def hear_change(self) -> Answer:
        """A change is announced once the client listens: a library without a handler is not waited for."""
        if self.driver.ask("listens").missing:
            return Answer(missing=True)
        self.site.change()
        return self.driver.ask("hear", seconds=HEARD_SECONDS)

    def heard(self, answer: Answer) -> str:
        return YES if answer.value else NO

    def leave(self) -> None:
        self.driver.ask("close")
        left = self.site.end_sessions()
        ended = "leaves its session" if left else "ends its session"
        self.note("closed", "has no session" if self.facts["era"] == "modern" else ended)

    def lose_the_session(self) -> None:
        self.connect()
        self.add()
        ended = self.site.end_sessions()
        if self.facts["era"] == "modern":
            self.note("session ended", "has no session")
        elif not ended:
            self.note("session ended", "opens one for each call")
        else:
            first, second = self.add(), self.add()
            self.note("session ended", recovery(first, second, "opens a new one"), first, second)


def recovery(first: Answer, second: Answer, word: str) -> str:
    if SUM in first.words:
        return word
    return f"{word}, after an error" if SUM in second.words else ERROR
