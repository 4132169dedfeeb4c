"""The audit: a row for each call of a tool, resource, prompt or completion. An optional app."""
