"""The calls of a session of the official SDK, which several libraries hand to their users."""


class SessionCalls:
    def __init__(self, session):
        self.session = session

    async def listens(self):
        """True: the session hears changes without being asked to."""
        return True

    async def tools(self):
        return [tool.name for tool in (await self.session.list_tools()).tools]

    async def call(self, name, arguments):
        return (await self.session.call_tool(name, arguments)).content[0].text

    async def count(self):
        heard = []

        async def hear(progress, total, message):
            heard.append(progress)

        await self.session.call_tool("count", {}, progress_callback=hear)
        return heard

    async def read(self, uri):
        return (await self.session.read_resource(uri)).contents[0].text

    async def prompt(self, name, arguments):
        return (await self.session.get_prompt(name, arguments)).messages[0].content.text
