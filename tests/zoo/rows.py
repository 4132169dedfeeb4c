"""A row of any model: what its fields, and the relations among them, ask for."""

import datetime
import decimal
import itertools
import uuid

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.validators import RegexValidator
from django.db import models, router, transaction

_numbers = itertools.count(1)


def make_row(model, making=()):
    """A saved row, or `None` where the model wants more than this knows."""
    try:
        with transaction.atomic(using=router.db_for_write(model)):
            row = model(**values_of(model, (*making, model)))
            # Trees say themselves where a row stands.
            if hasattr(model, "add_root"):
                row = _added_to_tree(model, row)
            else:
                row.save()
            return model._default_manager.filter(pk=row.pk).first()
    except Exception:
        return None


def _added_to_tree(model, row):
    root = model.get_first_root_node()
    return root.add_child(instance=row) if root else model.add_root(instance=row)


def values_of(model, making=()):
    """Values of the fields that a new row needs, and of those that have a scalar type."""
    found = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            if not field.null and not getattr(field.remote_field, "parent_link", False):
                found[field.name] = _related(field.related_model, making)
        elif not field.has_default() and field.editable and not isinstance(field, models.AutoField):
            value = _value_of(field)
            if value is not None:
                found[field.name] = value
    return found


def _related(model, making):
    found = model._base_manager.first()
    return found or (None if model in making else make_row(model, making))


def _value_of(field):
    n = next(_numbers)
    if field.choices and not callable(field.choices):
        flat = [value for value, _ in field.flatchoices or () if value not in ("", None)]
        if flat:
            return flat[0]
    if isinstance(field, models.EmailField):
        return f"x{n}@zoo.example"
    if isinstance(field, models.URLField):
        return f"https://zoo.example/{n}"
    if field.blank and not _is_plain(field):
        return None
    kinds = {
        "CharField": f"x{n}"[: field.max_length],
        "TextField": f"words {n}",
        "SlugField": f"x{n}",
        "BooleanField": True,
        "DateField": datetime.date(2026, 3, 1),
        "DateTimeField": datetime.datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=datetime.UTC),
        "TimeField": datetime.time(12, 30, 15),
        "DurationField": datetime.timedelta(hours=n),
        "DecimalField": decimal.Decimal("1.50"),
        "FloatField": 1.25,
        "GenericIPAddressField": "192.0.2.1",
        "UUIDField": uuid.uuid4(),
        "JSONField": {"words": ["a", 1, None]},
    }
    kind = field.get_internal_type()
    return n if kind.endswith("IntegerField") else kinds.get(kind)


def _is_plain(field):
    """Whether any text will do."""
    has_pattern = any(isinstance(validator, RegexValidator) for validator in field.validators)
    return type(field).__module__.startswith("django.") and not (
        has_pattern and not isinstance(field, models.SlugField)
    )


def make_user(kind):
    """The owner, a member of staff who may view and change, or a stranger who may nothing."""
    model = get_user_model()
    name = f"{kind}@zoo.example"
    needed = {field: f"{kind}-{field}@zoo.example" for field in model.REQUIRED_FIELDS}
    values = {**needed, model.USERNAME_FIELD: name}
    if kind == "owner":
        return model._default_manager.create_superuser(**values, password="x")
    user = model._default_manager.create_user(**values, password="x")
    user.is_staff = kind == "staff"
    user.save()
    if kind == "staff":
        may = Permission.objects.filter(codename__startswith="view_") | Permission.objects.filter(
            codename__startswith="change_"
        )
        user.user_permissions.set(may)
    return user
