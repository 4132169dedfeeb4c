"""Tools of each kind: the package runs them in different threads, with different connections."""

from pydantic import BaseModel

from django_mcp import Context, default_server, resource, tool

from .models import Note


class Answer(BaseModel):
    sure: bool


@tool(read_only=True)
def notes() -> list[str]:
    """The notes."""
    return list(Note.objects.values_list("text", flat=True))


@tool(read_only=True)
def notes_with_context(ctx: Context) -> list[str]:
    """The notes, with progress: in a thread of its own."""
    ctx.progress(1, 2)
    return list(Note.objects.values_list("text", flat=True))


@tool(read_only=True)
async def notes_async(ctx: Context) -> list[str]:
    """The notes, from the event loop."""
    ctx.progress(1, 2)
    return [text async for text in Note.objects.values_list("text", flat=True)]


@tool(destructive=True)
def clear_notes(ctx: Context) -> str:
    """Delete the notes, when the user is sure."""
    answer = ctx.elicit("Delete all notes?", Answer)
    return str(Note.objects.all().delete()[0]) if answer.data and answer.data.sure else "kept"


@tool(destructive=False)
def count_visits(ctx: Context) -> int:
    """Count the visits of this session."""
    ctx.session.state["visits"] = ctx.session.state.get("visits", 0) + 1
    return ctx.session.state["visits"]


@resource("note://{text}")
def note(text: str) -> str:
    """A note."""
    return Note.objects.get(text=text).text


@default_server.middleware
def pass_on(invocation):
    """A middleware around the calls, as a project may have."""
    yield
