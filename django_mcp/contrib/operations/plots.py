"""Plots as inline SVG, drawn on the server: no script, no CDN, and the colours of the admin's theme, light or dark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from django_mcp.contrib.times import localtime

WIDTH: Final = 640
HEIGHT: Final = 200
LEFT: Final = 48
BOTTOM: Final = 24
TOP: Final = 12
LABELS: Final = 6
TICKS: Final = 4


@dataclass(frozen=True, slots=True)
class Series:
    """A line or a layer of bars: its name, the class of its colour, and a value for each time."""

    name: str
    css_class: str
    values: Sequence[float | None]


def bars(title: str, times: Sequence[datetime], layers: Sequence[Series]) -> SafeString:
    """Stacked bars, the first layer at the bottom."""
    tops = [sum(layer.values[number] or 0 for layer in layers) for number in range(len(times))]
    # Calls are whole, and so is what the axis counts.
    high = TICKS * max(1, nice(max(tops, default=0) / TICKS))
    width = (WIDTH - LEFT) / max(1, len(times))
    drawn = []
    for number, time in enumerate(times):
        base = 0.0
        for layer in layers:
            value = layer.values[number] or 0
            if value:
                y, bottom = _y(base + value, high), _y(base, high)
                text = f"{clock(time)}: {number_format(value, 0, force_grouping=True)} {layer.name}"
                place = (LEFT + number * width + 0.5, y, max(1.0, width - 1), bottom - y)
                drawn.append((layer.css_class, *map(_px, place), text))
            base += value
    shapes = format_html_join(
        "",
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        drawn,
    )
    return _plot(title, times, high, shapes, layers)


def lines(title: str, times: Sequence[datetime], series: Sequence[Series]) -> SafeString:
    """Lines, with a gap where there is no value."""
    high = TICKS * nice(max((value for one in series for value in one.values if value is not None), default=0) / TICKS)
    width = (WIDTH - LEFT) / max(1, len(times))
    drawn = []
    for one in series:
        path, pen = [], "M"
        for number, value in enumerate(one.values):
            if value is None:
                pen = "M"
                continue
            path.append(f"{pen}{_px(LEFT + (number + 0.5) * width)} {_px(_y(value, high))}")
            pen = "L"
        # A lone point is drawn by the round end of a line without length.
        drawn.append((one.css_class, " ".join(f"{part}h0" if part[0] == "M" else part for part in path), one.name))
    shapes = format_html_join("", '<path class="line {}" d="{}"><title>{}</title></path>', drawn)
    return _plot(title, times, high, shapes, series)


def nice(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten that is not below a value: the step of an axis."""
    if value <= 0:
        return 1.0
    power: float = 10 ** len(str(int(value))) / 10 if value >= 1 else 1.0
    while power > value:
        power /= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value)


def clock(time: datetime) -> str:
    return f"{localtime(time):%m-%d %H:%M}"


def _px(value: float) -> str:
    return f"{value:.1f}"


def _y(value: float, high: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / high


def _plot(
    title: str, times: Sequence[datetime], high: float, shapes: SafeString, legend: Sequence[Series]
) -> SafeString:
    ticks = [high * part / TICKS for part in range(TICKS + 1)]
    grid = format_html_join(
        "",
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/><text class="y" x="{}" y="{}">{}</text>',
        (
            (LEFT, WIDTH, _px(_y(tick, high)), _px(_y(tick, high)), LEFT - 6, _px(_y(tick, high) + 4), number(tick))
            for tick in ticks
        ),
    )
    every = max(1, len(times) // LABELS)
    width = (WIDTH - LEFT) / max(1, len(times))
    is_day = len(times) > 1 and (times[-1] - times[0]).days < 2
    labels = format_html_join(
        "",
        '<text class="x" x="{}" y="{}">{}</text>',
        (
            (_px(LEFT + (place + 0.5) * width), HEIGHT - 8, clock(time)[6:] if is_day else clock(time)[:5])
            for place, time in enumerate(times)
            if place % every == every // 2
        ),
    )
    keys = format_html_join(
        "", '<li><span class="key {}"></span>{}</li>', ((one.css_class, one.name) for one in legend)
    )
    return format_html(
        '<figure class="plot"><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "{}{}{}</svg>"
        '<ul class="legend">{}</ul></figure>',
        title,
        WIDTH,
        HEIGHT,
        title,
        grid,
        shapes,
        labels,
        keys,
    )


def number(value: float) -> str:
    """A number of an axis: 1.5k, 20M."""
    for size, suffix in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{number_format(f'{value / size:g}')}{suffix}"
    return number_format(f"{value:g}")
