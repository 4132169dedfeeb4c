"""The JSON-RPC methods: one function each, the table of them, and the two halves of answering a message."""
