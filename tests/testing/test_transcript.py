from django_mcp.testing.transcript import MAX_LINES, Transcript


def test_a_conversation_is_shown_within_bounds():
    transcript = Transcript("/mcp")
    for n in range(MAX_LINES + 5):
        transcript.note_message("→", {"method": f"m{n}", "params": {"x": "x" * 10_000}})

    text = str(transcript)
    assert text.splitlines()[:3] == ["The conversation with /mcp:", "… 5 lines before", text.splitlines()[2]]
    assert text.splitlines()[2].startswith('→ m5 {"x": "xxx')
    assert len(text) < MAX_LINES * 700
