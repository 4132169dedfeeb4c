"""agno: the functions of its MCPTools."""

from contextlib import asynccontextmanager

import loop
from agno.tools.function import FunctionCall
from agno.tools.mcp import MCPTools


class Calls:
    def __init__(self, tools):
        self.kit = tools

    async def tools(self):
        return list(self.kit.functions)

    async def call(self, name, arguments):
        result = await FunctionCall(function=self.kit.functions[name], arguments=arguments).aexecute()
        return f"{result.status}: {result.error or getattr(result.result, 'content', result.result)}"


@asynccontextmanager
async def connect(url, heard):
    async with MCPTools(url=url, transport="streamable-http") as tools:
        yield Calls(tools)


loop.run(connect)
