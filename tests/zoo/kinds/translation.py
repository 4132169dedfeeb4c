from modeltranslation.translator import TranslationOptions, register

from .models import InColumns


@register(InColumns)
class InColumnsOptions(TranslationOptions):
    fields = ("title",)
