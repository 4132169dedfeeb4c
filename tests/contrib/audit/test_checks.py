from django_mcp.contrib.audit.checks import check_retention


def test_an_audit_without_an_end_is_named(settings):
    assert check_retention(None) == []

    settings.MCP_AUDIT_RETENTION_DAYS = None
    [found] = check_retention(None)
    assert found.id == "django_mcp.W060"

    settings.MCP_AUDIT = "off"
    assert check_retention(None) == []
