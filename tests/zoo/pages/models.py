"""The blog of Wagtail's tutorial, and a snippet with a draft."""

from django.db import models
from modelcluster.contrib.taggit import ClusterTaggableManager
from modelcluster.fields import ParentalKey, ParentalManyToManyField
from taggit.models import TaggedItemBase
from wagtail.blocks import CharBlock, RichTextBlock
from wagtail.fields import RichTextField, StreamField
from wagtail.models import DraftStateMixin, Orderable, Page, RevisionMixin
from wagtail.snippets.models import register_snippet


@register_snippet
class Author(DraftStateMixin, RevisionMixin, models.Model):
    name = models.CharField(max_length=40)
    picture = models.ForeignKey("wagtailimages.Image", null=True, blank=True, on_delete=models.SET_NULL)


class BlogTag(TaggedItemBase):
    content_object = ParentalKey("BlogPage", related_name="tagged_items", on_delete=models.CASCADE)


class BlogPage(Page):
    date = models.DateField("تاريخ")
    intro = RichTextField(blank=True)
    body = StreamField([("heading", CharBlock()), ("text", RichTextBlock())], blank=True)
    authors = ParentalManyToManyField(Author, blank=True)
    tags = ClusterTaggableManager(through=BlogTag, blank=True)


class Link(Orderable):
    page = ParentalKey(BlogPage, related_name="links", on_delete=models.CASCADE)
    url = models.URLField()
