"""Makes two tenants with a user each, who has the same primary key, and prints their tokens as JSON."""

import json

import django

if __name__ == "__main__":
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django_tenants.utils import tenant_context

    from django_mcp.contrib.tokens.models import APIToken
    from tests.recipes.tenants.customers.models import Customer, Domain
    from tests.recipes.tenants.notes.models import Note

    call_command("migrate_schemas", shared=True, verbosity=0)
    tokens = {}
    for name in ("acme", "zeta"):
        customer = Customer.objects.create(schema_name=name, name=name)
        Domain.objects.create(domain=f"{name}.example.com", tenant=customer, is_primary=True)
        with tenant_context(customer):
            user = User.objects.create_user(f"{name}-user", pk=7)
            Note.objects.create(text=f"a note of {name}")
            tokens[name] = APIToken.issue(user, "a client")[1]
    print(json.dumps(tokens))
