from django_mcp.testing import Response


def test_a_stream_is_answered_by_its_last_message():
    lines = b'id: 1\ndata: \n\ndata: {"method": "a\xe2\x80\xa8"}\n\n: keep-alive\n\ndata: {"id": 1, "result": {}}\n\n'
    response = Response(200, {"content-type": "text/event-stream; charset=utf-8"}, lines)

    assert response.messages() == [{"method": "a\u2028"}, {"id": 1, "result": {}}]
    assert response.json() == {"id": 1, "result": {}}
