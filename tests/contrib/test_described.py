"""Functions whose parameters are written on them."""

import inspect

from django_mcp.contrib.described import described


def test_a_function_takes_what_is_written_on_it():
    def function(**values):
        return values

    made = described(function, {"code": (str, ...), "limit": (int, None), "page": (int, 1)}, dict)

    assert str(inspect.signature(made)) == "(*, code, limit=None, page=1)".replace("code", "code: str").replace(
        "limit=None", "limit: int = None"
    ).replace("page=1", "page: int = 1")
    assert made.__annotations__ == {"code": str, "limit": int | None, "page": int, "return": dict}
    assert made(code="x") == {"code": "x"}


def test_a_method_keeps_its_object():
    def method(self, **values):
        return self, values

    assert list(inspect.signature(described(method, {"code": (str, ...)}, dict)).parameters) == ["self", "code"]
