from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from guardian.admin import GuardedModelAdmin
from modeltranslation.admin import TranslationAdmin
from mptt.admin import MPTTModelAdmin
from parler.admin import TranslatableAdmin
from polymorphic.admin import PolymorphicChildModelAdmin, PolymorphicParentModelAdmin
from simple_history.admin import SimpleHistoryAdmin
from treebeard.admin import TreeAdmin
from treebeard.forms import movenodeform_factory

from . import models


@admin.register(models.Person)
class PersonAdmin(UserAdmin):
    ordering = ("email",)
    search_fields = ("email",)
    list_display = ("email", "is_staff")
    list_filter = ("is_staff",)
    fieldsets = (
        (None, {"fields": ("email", "password")}),
        ("Permissions", {"fields": ("is_staff", "is_active", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)


class WeightInline(admin.TabularInline):
    model = models.Weight


@admin.register(models.Related)
class RelatedAdmin(GuardedModelAdmin):
    inlines = (WeightInline,)
    autocomplete_fields = ("owner",)
    raw_id_fields = ("parent", "friends")
    list_display = ("__str__", "owner", "how_many")

    @admin.display(description="сколько")
    def how_many(self, row):
        return row.keywords.count()


@admin.register(models.EveryField)
class EveryFieldAdmin(admin.ModelAdmin):
    search_fields = ("char",)
    list_display = ("char", "small", "computed")
    list_filter = ("small", "boolean")
    readonly_fields = ("created", "computed")
    prepopulated_fields = {"slug": ("char",)}
    date_hierarchy = "date"


admin.site.register(models.Packaged, SimpleHistoryAdmin)
admin.site.register(models.Translated, TranslatableAdmin)
admin.site.register(models.InColumns, TranslationAdmin)
admin.site.register(models.Genre, MPTTModelAdmin)


@admin.register(models.Circle)
class CircleAdmin(PolymorphicChildModelAdmin):
    base_model = models.Shape


@admin.register(models.Shape)
class ShapeAdmin(PolymorphicParentModelAdmin):
    base_model = models.Shape
    child_models = (models.Circle,)


for node in (models.PathNode, models.NestedNode, models.ListNode):
    admin.site.register(node, type("NodeAdmin", (TreeAdmin,), {"form": movenodeform_factory(node)}))

for model in apps.get_app_config("kinds").get_models():
    if not admin.site.is_registered(model) and not model._meta.auto_created and model is not models.Seat:
        admin.site.register(model)
