"""The peers' servers, each run by the Python of its own environment. The same tool everywhere: `add`."""
