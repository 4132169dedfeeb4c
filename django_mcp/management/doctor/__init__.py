"""The checks of mcp_doctor: of the project as it stands, and of an endpoint as it is deployed."""
