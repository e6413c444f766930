"""Figures of a group or a commons, counted from final blocks and kept while the node runs."""

from __future__ import annotations

from fractions import Fraction

from p2pnode.core.amount import EXPONENT_MIN
from p2pnode.core.errors import FormatError, UsageError
from p2pnode.economy import figures
from p2pnode.economy.commons_figures import (
    BackFigure,
    InflowFigure,
    UseFigure,
    commons_figures,
    commons_named,
)
from p2pnode.economy.figures import Evenness, Figures, FlowFigure, StreamFigure, Sums
from p2pnode.economy.labels import label_of_unit
from p2pnode.governance import tables as members
from p2pnode.local import figure_shapes as shapes
from p2pnode.service.context import Context
from p2pnode.service.rules import refusal
from p2pnode.store.chain_tables import ChainQueries
from p2pnode.store.group_file import GroupQueries

_NAMED_MAX = 5


class FiguresService:
    """The part of the service about figures."""

    context: Context

    async def figures(
        self, group: str, commons: str | None, first: str | None, last: str | None
    ) -> shapes.FiguresShown:
        held = self.context.held(group)
        kept = self.context.counted

        def read(queries: GroupQueries) -> shapes.FiguresShown:
            rows = queries.chain
            sums = _counted_on(rows, kept.get(held.group, Sums()))
            # Readers in several threads put whole values here, of which each is right by itself.
            kept[held.group] = sums
            scope = None if commons is None else _scope_named(rows, sums, commons)
            found = figures.figures_of(sums, scope, _month(first), _month(last))
            kept_in_common = commons_figures(rows, scope, _month(first), _month(last))
            return shapes.FiguresShown(
                group=held.group.hex(),
                name=held.name,
                commons=scope or "",
                height=sums.height,
                members=sum(row.status == "member" for _, row in members.members(rows)),
                contributors=found.contributors,
                streams=[_stream(one) for one in found.streams],
                months=_months(found),
                flows=[_flow(one) for one in figures.flows(rows, held.group)] if scope is None else [],
                uses=[_use(one) for one in kept_in_common.uses],
                back=[_back(one) for one in kept_in_common.back],
                inflows=[_inflow(one) for one in kept_in_common.inflows],
            )

        return await self.context.query(held, read)


def _counted_on(rows: ChainQueries, before: Sums) -> Sums:
    """The sums up to the last final block. Errors: UsageError figures.too_many."""
    tip = rows.tip()
    if tip is None:
        return Sums()
    known = rows.block(before.height)
    is_grown = known is not None and known.id == before.block
    try:
        return figures.counted_on(rows, before if is_grown else Sums(), tip.height, tip.id)
    except FormatError as error:
        raise refusal(error.rule) from error


def _scope_named(rows: ChainQueries, sums: Sums, word: str) -> str:
    """The label that a person means, whatever its capitals. Errors: UsageError figures.unknown_commons."""
    scopes = sorted({*sums.scopes, *commons_named(rows)})
    found = [word] if word in scopes else [one for one in scopes if one.casefold() == word.casefold()]
    if len(found) == 1:
        return found[0]
    known = ", ".join(scopes[:_NAMED_MAX]) + (" and others" if len(scopes) > _NAMED_MAX else "")
    raise UsageError(
        "figures.unknown_commons",
        f"final blocks know no commons called {word!r}, and nothing that was contributed to one",
        f"there is {known}" if known else "record contributions with --commons LABEL",
    )


def _month(text: str | None) -> int | None:
    """The month that a person wrote. Errors: UsageError figures.bad_month."""
    try:
        return None if text is None else figures.month_of_text(text)
    except FormatError as error:
        raise refusal(error.rule) from error


# ---- ready for JSON


def _stream(one: StreamFigure) -> shapes.StreamShown:
    return shapes.StreamShown(
        stream=one.stream,
        unit=label_of_unit(one.unit),
        amount=_text(one.amount, one.unit),
        contributors=one.contributors,
        evenness=None if one.evenness is None else _evenness(one.evenness),
    )


def _evenness(one: Evenness) -> shapes.Evenness:
    return shapes.Evenness(
        top_tenth=_share(one.top_tenth),
        gini=_share(one.gini),
        tenths=[round(part * 1000) for part in one.tenths],
    )


def _months(found: Figures) -> list[shapes.MonthShown]:
    largest: dict[str, int] = {}
    for month in found.months:
        for _, unit, amount in month.amounts:
            largest[unit] = max(largest.get(unit, 0), amount)
    return [
        shapes.MonthShown(
            month=figures.month_text(month.month),
            contributors=month.contributors,
            amounts=[
                shapes.AmountShown(
                    stream=stream,
                    unit=label_of_unit(unit),
                    amount=_text(amount, unit),
                    permille=max(0, amount) * 1000 // largest[unit] if largest[unit] else 0,
                )
                for stream, unit, amount in month.amounts
            ],
        )
        for month in found.months
    ]


def _flow(one: FlowFigure) -> shapes.FlowShown:
    return shapes.FlowShown(
        unit=label_of_unit(one.unit),
        between_members=_text(one.between_members, one.unit),
        mutual=_part_of(one.mutual, one.between_members),
        received=_text(one.received, one.unit),
        to_members=_text(one.to_members, one.unit),
        to_others=_text(one.to_others, one.unit),
        returned=_part_of(one.to_members, one.received),
    )


def _use(one: UseFigure) -> shapes.UseShown:
    return shapes.UseShown(use=one.use, amount=_text(one.amount, one.unit), times=one.times, users=one.users)


def _back(one: BackFigure) -> shapes.BackShown:
    return shapes.BackShown(
        asked=_text(one.asked, one.unit),
        given=_text(one.given, one.unit),
        returned=_part_of(one.given, one.asked),
    )


def _inflow(one: InflowFigure) -> shapes.InflowShown:
    return shapes.InflowShown(
        brought=_text(one.brought, one.unit),
        cap=_text(one.cap, one.unit),
        returned=_text(one.returned, one.unit),
    )


def _part_of(part: int, whole: int) -> shapes.Share | None:
    return _share(Fraction(part, whole)) if whole > 0 else None


def _share(part: Fraction) -> shapes.Share:
    tenths = round(part * 1000)
    return shapes.Share(exact=str(part), percent=f"{tenths // 10}.{tenths % 10} %")


def _text(parts: int, unit: str) -> str:
    """Smallest parts as people read an amount; a sum may be larger than an amount can."""
    whole, rest = divmod(abs(parts), 10**-EXPONENT_MIN)
    places = str(rest).rjust(-EXPONENT_MIN, "0").rstrip("0")
    sign = "-" if parts < 0 else ""
    return f"{sign}{whole}{'.' if places else ''}{places} {label_of_unit(unit)}".strip()
