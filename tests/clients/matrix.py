"""The clients: how each is called in the table, what has to be installed for it, and the driver that calls it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Client:
    name: str
    """With `{}` in the place of the release."""
    package: str
    """The package whose version the table has."""
    driver: str
    """A file of `drivers/`, with its arguments. `{modules}` is the folder of npm's packages."""
    needs: tuple[str, ...] = ()
    """The requirements of a client in Python. Clients with the same ones share an environment; npm has the rest."""

    @property
    def is_of_npm(self) -> bool:
        return not self.needs or "{modules}" in self.driver


PROXY = "{node} {modules}/mcp-remote/dist/proxy.js"

CLIENTS = {
    "mcp-1": Client("mcp {} (Python)", "mcp", "drive_mcp1.py", ("mcp<2",)),
    "mcp-2-legacy": Client("mcp {} (Python), `legacy`", "mcp", "drive_mcp2.py legacy", ("mcp>=2,<3",)),
    "mcp-2-auto": Client("mcp {} (Python), `auto`", "mcp", "drive_mcp2.py auto", ("mcp>=2,<3",)),
    "typescript-1": Client("@modelcontextprotocol/sdk {}", "@modelcontextprotocol/sdk", "drive_sdk.mjs v1 legacy"),
    "typescript-2-legacy": Client(
        "@modelcontextprotocol/client {}, `legacy`", "@modelcontextprotocol/client", "drive_sdk.mjs v2 legacy"
    ),
    "typescript-2-auto": Client(
        "@modelcontextprotocol/client {}, `auto`", "@modelcontextprotocol/client", "drive_sdk.mjs v2 auto"
    ),
    "fastmcp-legacy": Client("fastmcp {}, `legacy`", "fastmcp", "drive_fastmcp.py legacy", ("fastmcp",)),
    "fastmcp-auto": Client("fastmcp {}, `auto`", "fastmcp", "drive_fastmcp.py auto", ("fastmcp",)),
    "langchain": Client(
        "langchain-mcp-adapters {}", "langchain-mcp-adapters", "drive_langchain.py", ("langchain-mcp-adapters",)
    ),
    "langchain-js": Client("@langchain/mcp-adapters {}", "@langchain/mcp-adapters", "drive_langchain.mjs"),
    "pydantic-ai": Client("pydantic-ai {}", "pydantic-ai-slim", "drive_pydantic_ai.py", ("pydantic-ai-slim[mcp]",)),
    "openai-agents": Client("openai-agents {}", "openai-agents", "drive_openai_agents.py", ("openai-agents",)),
    "strands": Client("strands-agents {}", "strands-agents", "drive_strands.py", ("strands-agents",)),
    "llama-index": Client(
        "llama-index-tools-mcp {}", "llama-index-tools-mcp", "drive_llama_index.py", ("llama-index-tools-mcp",)
    ),
    "mcp-use": Client("mcp-use {} (Python)", "mcp-use", "drive_mcp_use.py", ("mcp-use",)),
    "mcp-use-js": Client("mcp-use {} (TypeScript)", "mcp-use", "drive_mcp_use.mjs"),
    "ai-sdk": Client("@ai-sdk/mcp {}", "@ai-sdk/mcp", "drive_ai_sdk.mjs"),
    "mcp-remote": Client("mcp-remote {}", "mcp-remote", f"drive_mcp2.py legacy {PROXY}", ("mcp>=2,<3",)),
    "codex": Client("Codex {}", "@openai/codex", "drive_codex.mjs"),
    "gemini": Client("Gemini CLI {}", "@google/gemini-cli-core", "drive_gemini.mjs"),
    "inspector-legacy": Client(
        "Inspector {}, command line, `legacy`", "@modelcontextprotocol/inspector", "drive_inspector.mjs legacy"
    ),
    "inspector-modern": Client(
        "Inspector {}, command line, `modern`", "@modelcontextprotocol/inspector", "drive_inspector.mjs modern"
    ),
    "mcporter": Client("mcporter {}", "mcporter", "drive_mcporter.mjs"),
    # smolagents does not import with mcp 2.
    "smolagents": Client("smolagents {}", "smolagents", "drive_smolagents.py", ("smolagents[mcp]", "mcp<2")),
    "agno": Client("agno {}", "agno", "drive_agno.py", ("agno", "fastmcp")),
    "google-adk": Client("google-adk {}", "google-adk", "drive_google_adk.py", ("google-adk[mcp]",)),
    "semantic-kernel": Client(
        "semantic-kernel {}", "semantic-kernel", "drive_semantic_kernel.py", ("semantic-kernel[mcp]",)
    ),
    "crewai": Client("crewai-tools {}", "crewai-tools", "drive_crewai.py", ("crewai-tools[mcp]",)),
}
