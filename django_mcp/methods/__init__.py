"""The answers of a server: a function for each JSON-RPC method, the table of them, and the two halves of answering."""
