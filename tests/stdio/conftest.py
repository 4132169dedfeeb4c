"""Streams of tests look often, and have no layer."""

import pytest


@pytest.fixture(autouse=True)
def looks_often(settings):
    settings.MCP_POLL_SECONDS = 0.01
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.MCP_RETRY_MILLISECONDS = 7
