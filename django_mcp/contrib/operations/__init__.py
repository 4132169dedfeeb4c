"""Running a server: switches that stop what must stop, the calls that run now, and an overview of what was called.

"django_mcp.contrib.operations" in INSTALLED_APPS, after "django_mcp". The pages are in the admin.
"""
