"""Figures drawn as SVG or PNG: contributors by month, what each stream brought, how evenly, what flows back.

Drawn is what `local/figure_shapes.py` holds, and nothing else: no names. What people wrote, such as units and
labels, is text and never markup.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, Any

from p2pnode.local.figure_shapes import FiguresShown, MonthShown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "p2pnode",
    "text.parse_math": False,
}
"""Texts stay texts, so that they can be read aloud and searched; the same figures give the same bytes."""

_COLOURS = {"livelihood": "#0072B2", "commons": "#009E73", "care": "#D55E00"}
"""Colours that people tell apart who see few; with each goes a pattern."""

_PATTERNS = {"livelihood": "", "commons": "//", "care": ".."}
_UNITS_MAX = 3
"""Units of which the months are drawn: those with most months."""

_MONTHS_MAX = 24
_PANEL_INCHES = 2.6
_WIDTH_INCHES = 8.0


def drawn(found: FiguresShown, ending: str) -> bytes:
    """The file. Shapes: ending is svg or png."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    units = _units(found)
    with mpl.rc_context(_SETTINGS), warnings.catch_warnings():
        # A letter that no font here has is drawn as a box; that must not keep anybody from drawing.
        warnings.simplefilter("ignore", UserWarning)
        panels = 3 + len(units)
        figure = Figure(figsize=(_WIDTH_INCHES, _PANEL_INCHES * panels), layout="constrained")
        FigureCanvasAgg(figure)
        about = f"commons {found['commons']} of {found['name']}" if found["commons"] else found["name"]
        about = "".join(one if one.isprintable() else " " for one in about)
        figure.suptitle(f"{about}: final blocks up to {found['height']}")
        axes = figure.subplots(panels, 1, squeeze=False)[:, 0]
        _contributors(axes[0], found)
        for place, unit in zip(axes[1:], units, strict=False):
            _months(place, found, unit)
        _evenness(axes[-2], found)
        _flows(axes[-1], found)
        file = BytesIO()
        # Without a date, what did not change looks unchanged.
        metadata = {"Date": None, "Title": about} if ending == "svg" else {"Title": about}
        figure.savefig(file, format=ending, dpi=144, metadata=metadata)
    return file.getvalue()


def _units(found: FiguresShown) -> list[str]:
    """The units of which most months are known."""
    counts: dict[str, int] = {}
    for month in found["months"]:
        for one in month["amounts"]:
            counts[one["unit"]] = counts.get(one["unit"], 0) + 1
    return sorted(counts, key=lambda unit: (-counts[unit], unit))[:_UNITS_MAX]


def _months_of(found: FiguresShown) -> list[str]:
    return [month["month"] for month in found["months"]][-_MONTHS_MAX:]


def _contributors(axes: Axes, found: FiguresShown) -> None:
    months = found["months"][-_MONTHS_MAX:]
    axes.bar(range(len(months)), [month["contributors"] for month in months], color="#555555")
    axes.set_title(f"Contributors by month; {found['contributors']} in all, {found['members']} members")
    axes.set_ylim(0, max([1, *(month["contributors"] for month in months)]) * 1.1)
    _name_months(axes, _months_of(found))


def _months(axes: Axes, found: FiguresShown, unit: str) -> None:
    """What each stream brought in one unit, streams beside each other."""
    months = found["months"][-_MONTHS_MAX:]
    for number, (stream, colour) in enumerate(_COLOURS.items()):
        heights = [_height(month, stream, unit) for month in months]
        places = [place + (number - 1) * 0.27 for place in range(len(months))]
        hatch = _PATTERNS[stream]
        axes.bar(places, heights, 0.27, label=stream, color=colour, hatch=hatch, edgecolor="white")
    axes.set_title(f"Contributed by month, in {unit or 'pieces'}")
    axes.margins(y=0.25)  # room for the legend
    axes.legend(loc="upper left", ncols=3, frameon=False)
    _name_months(axes, _months_of(found))


def _height(month: MonthShown, stream: str, unit: str) -> float:
    found = (one for one in month["amounts"] if (one["stream"], one["unit"]) == (stream, unit))
    return sum(_number(one["amount"]) for one in found)


def _evenness(axes: Axes, found: FiguresShown) -> None:
    """How evenly it was contributed: the straight line is where all give alike."""
    tenths = [number / 10 for number in range(11)]
    axes.plot(tenths, tenths, color="#999999", linestyle=":", label="all alike")
    for one in found["streams"]:
        if one["evenness"] is not None:
            parts = [0.0, *(part / 1000 for part in one["evenness"]["tenths"])]
            label = f"{one['stream']}, {one['unit'] or 'pieces'}"
            axes.plot(tenths, parts, color=_COLOURS[one["stream"]], marker="o", markersize=3, label=label)
    axes.set_title("Part of all contributions (upwards) by part of the contributors, least first")
    axes.legend(loc="upper left", frameon=False)


def _flows(axes: Axes, found: FiguresShown) -> None:
    """The two shares by unit, in percent."""
    units = [one["unit"] or "pieces" for one in found["flows"]]
    for number, (label, shares) in enumerate(
        (
            ("mutual among members", [one["mutual"] for one in found["flows"]]),
            ("of what the group received, back to members", [one["returned"] for one in found["flows"]]),
        )
    ):
        widths = [0.0 if share is None else _number(share["percent"]) for share in shares]
        axes.barh([place + number * 0.4 for place in range(len(units))], widths, 0.38, label=label)
    axes.set_xlim(0, 100)
    axes.set_yticks([place + 0.2 for place in range(len(units))], units)
    axes.set_title("What flows back since the founding, in percent")
    if units:
        axes.legend(frameon=False)


def _number(text: str) -> float:
    """The number in front of a unit: for drawing only."""
    return float(text.partition(" ")[0])


def _name_months(axes: Axes, months: list[str]) -> None:
    axes.set_xticks(range(len(months)), months, rotation=45 if len(months) > 6 else 0)
