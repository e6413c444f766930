"""`p2pnode import`: bring in what people already have as signed claims."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from p2pnode.commands.amounts import measure
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.sheets import meters, sheet
from p2pnode.commands.terminal import Progress, counted, progress, say
from p2pnode.core.errors import UsageError

if TYPE_CHECKING:
    from p2pnode.importers.authors import Authors
    from p2pnode.importers.valueflows import Said
    from p2pnode.local.shapes import GitClaim

importing = typer.Typer(help="Bring in what you already have.", no_args_is_help=True)

_IDS_AT_ONCE = 10_000
_CLAIMS_AT_ONCE = 500
_AUTHORS_SHOWN = 20
_MESSAGE_BYTES_AT_ONCE = 1024 * 1024
"""Keeps a request below what the API takes, however its characters are written in JSON."""

_TIMEOUT_S = 600.0
_NOTE_CHARACTERS_MAX = 4000
_OWN_ID = "urn:p2pnode:id:"
_NAMED = frozenset({"corrects", "input_of", "output_of", "provider", "receiver", "resource_conforms_to"})
"""Fields that name something else in the document."""


importing.command()(sheet)
importing.command()(meters)


@importing.callback()
def root() -> None:
    """Bring in what you already have."""


@importing.command()
def git(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="PATH", help="A folder of a git repository.")],
    group: GroupOption = None,
    revision: Annotated[
        str,
        typer.Option("--revision", metavar="NAME", help="Import what this branch, tag or commit reaches."),
    ] = "HEAD",
    author: Annotated[
        list[str] | None,
        typer.Option(
            "--author", metavar="MAIL=MEMBER", help="Who wrote it: mail or name of the author, and a member."
        ),
    ] = None,
    authors: Annotated[
        str | None,
        typer.Option("--authors", metavar="FILE", help="The same, a line for each: MAIL = MEMBER."),
    ] = None,
) -> None:
    """Claim each commit of a repository as a contribution of knowledge by its author.

    A claim names the commit, its date, the files and lines it changed; author, co-authors and message go into
    an annex that can be erased. Commits that the group knows are left out: importing again is safe, and an
    interrupted import goes on where it stopped. What names a member, that member alone can sign.

    \b
    Examples:
      p2pnode import git ~/src/project
      p2pnode import git . -g software --revision main
      p2pnode import git . --author carol@example.org=Carol --author "Dave Example=me"
      p2pnode import git . --authors authors.txt     # lines such as: carol@example.org = Carol
    """
    from p2pnode.importers.authors import mail_of
    from p2pnode.importers.git import read_commits

    invocation = invocation_of(context)
    group_word = invocation.group(group)
    folder = Path(repository).expanduser()
    named = _authors(invocation, group_word, author or [], authors)
    commits = read_commits(folder, revision)
    by_root: dict[str, list[str]] = {}
    for commit in commits:
        by_root.setdefault(commit.root, []).append(commit.id)
    result = {"group": group_word, "commits": len(commits), "written": 0, "known": 0, "entries": 0}
    with progress("import", len(commits), quiet=invocation.as_json) as bar:
        for root_id, ids in by_root.items():
            target = _Target(folder, group_word, root_id, named)
            _import_root(invocation, target, ids, bar, result)
    result["unmatched"] = [
        {"author": one, "mail": mail_of(one), "commits": count}
        for one, count in sorted(named.unmatched.items(), key=lambda item: (-item[1], item[0]))
    ]
    invocation.answer(result, _show_result)


class _Target(NamedTuple):
    """Where claims come from and where they go."""

    folder: Path
    group: str
    root: str
    authors: Authors


def _authors(invocation: Invocation, group: str, given: list[str], file: str | None) -> Authors:
    """Whom to name for whom; nobody has to be named."""
    from p2pnode.commands.files import read_text
    from p2pnode.importers.authors import Authors, read_authors

    text = "" if file is None else read_text(Path(file).expanduser())
    named = read_authors(given, text)
    if not named:
        return Authors({}, {})
    rows = invocation.client.get("/members", group=group)
    present = {one["id"]: one["name"] for one in rows if one["status"] in ("member", "provisional")}
    own = [one["id"] for one in rows if one["is_self"] and one["id"] in present]
    return Authors(present, {name: own[0] if word == "me" and own else word for name, word in named.items()})


def _import_root(
    invocation: Invocation,
    target: _Target,
    ids: list[str],
    bar: Progress,
    result: dict[str, Any],
) -> None:
    """Import the commits of one root, counting into result."""
    from p2pnode.importers.git import read_claims

    folder, group, root_id, authors = target
    for start in range(0, len(ids), _IDS_AT_ONCE):
        asked = ids[start : start + _IDS_AT_ONCE]
        body = {"group": group, "root": root_id, "commits": asked}
        known = set(invocation.client.post("/claims/known", body, timeout_s=_TIMEOUT_S))
        result["known"] += len(known)
        bar.advance(len(known))
        missing = [commit for commit in asked if commit not in known]
        for claims in _bundled(read_claims(folder, missing)) if missing else ():
            for claim in claims:
                claim["provider"] = authors.provider_of(claim["author"])
            bundle = {"group": group, "root": root_id, "claims": claims}
            answer = invocation.client.post("/claims", bundle, timeout_s=_TIMEOUT_S)
            for name in ("written", "known", "entries"):
                result[name] += answer[name]
            result["group"] = answer["group"]
            bar.advance(len(claims))


def _bundled(claims: Iterator[GitClaim]) -> Iterator[list[GitClaim]]:
    """Claims in lists small enough for one request."""
    bundle: list[GitClaim] = []
    message_bytes = 0
    for claim in claims:
        size = len(claim["message"].encode())
        if bundle and (len(bundle) == _CLAIMS_AT_ONCE or message_bytes + size > _MESSAGE_BYTES_AT_ONCE):
            yield bundle
            bundle, message_bytes = [], 0
        bundle.append(claim)
        message_bytes += size
    if bundle:
        yield bundle


def _show_result(result: dict[str, Any]) -> None:
    if not result["commits"]:
        say("The repository has no commits yet; nothing was imported.")
        return
    say(
        f"{counted(result['commits'], 'commit')}: "
        f"{result['written']:,} claimed now, {result['known']:,} known already."
    )
    if result["written"]:
        say("Each one counts once its author counter-signs it, or the group decides.")
    if result["unmatched"]:
        _show_unmatched(result["unmatched"])


def _show_unmatched(unmatched: list[dict[str, Any]]) -> None:
    say("Nobody is named as the author of:")
    for one in unmatched[:_AUTHORS_SHOWN]:
        say(f"  {one['author']}  {counted(one['commits'], 'commit')}")
    if len(unmatched) > _AUTHORS_SHOWN:
        say(f"  and {counted(len(unmatched) - _AUTHORS_SHOWN, 'other')}; --json lists all.")
    first = shlex.quote(unmatched[0]["mail"])
    say(f"They sign them with: p2pnode sign --author {first}")
    say(f"To name a member from now on, repeat with: --author {first}=MEMBER")


@importing.command()
def valueflows(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="JSON-LD in the words of ValueFlows.")],
    me: Annotated[
        str | None, typer.Option("--me", metavar="NAME", help="Who you are in the document: name or id.")
    ] = None,
    group: GroupOption = None,
) -> None:
    """Record what a document of another application says was given and taken.

    Members are found by their names; others become agents outside the group. What names another member waits
    for their signature. Things in stock are not brought along: raise them with `p2pnode record raise`.

    \b
    Example:
      p2pnode import valueflows bonfire.jsonld --me "Alice Example"
    """
    from p2pnode.commands.files import read_text
    from p2pnode.exporters.valueflows import CONTEXT
    from p2pnode.importers.valueflows import read_valueflows

    invocation = invocation_of(context)
    said = read_valueflows(read_text(Path(file).expanduser()), CONTEXT)
    document = _Document(invocation, invocation.group(group), me)
    with progress("import", len(said), quiet=invocation.as_json) as bar:
        for one in said:
            bar.advance(1)
            document.take(one)
    result = {
        "written": document.written,
        "known": document.known,
        "others": document.others,
        "refused": document.refused,
    }
    invocation.answer(result, _show_said)


class _Document:
    """A document of another application on its way to the node. One owner."""

    def __init__(self, invocation: Invocation, group: str, me: str | None) -> None:
        self._client, self._group, self._me = invocation.client, group, me
        members = self._client.get("/members", group=group)
        self._members = {one["name"]: one["id"] for one in members}
        self._others = {one["id"] for one in members if not one["is_self"]}
        own = self._client.get("/group", group=group)["summary"]
        self._words = {
            _OWN_ID + identifier: identifier for identifier in (*self._members.values(), own["id"])
        }
        self._there = {
            what: {one["name"]: one["id"] for one in self._client.get("/economy", group=group, about=about)}
            for what, about in (("agent", "agents"), ("kind", "kinds"), ("process", "processes"))
        }
        intents = self._client.get("/economy", group=group, about="intents", who="me")
        self._intents = {_intent_key(one): one["id"] for one in intents}
        self.written = self.known = self.others = 0
        self.refused: list[str] = []

    def take(self, one: Said) -> None:
        """Record what one node of the document says, unless it is here already."""
        if one.what == "agent" and self._is_somebody(one):
            return
        there = self._there.get(one.what, {}).get(str(one.fields.get("name", "")))
        fields = {
            key: self._words.get(value, value) if key in _NAMED else value
            for key, value in one.fields.items()
        }
        if one.what == "intent":
            author = fields.pop("author")
            if self._words.get(author, author) in self._others:
                self.others += 1
                return
            there = self._intents.get(_intent_key({**fields, "note": one.note}))
        if there is not None:
            self._words[one.iri] = there
            self.known += 1
            return
        try:
            if one.what == "event":
                self._bring(one, fields)
            else:
                body = {"group": self._group, "what": one.what, "said": fields, "note": one.note}
                self._words[one.iri] = self._client.post("/economy", body)["entry"]
                self.written += 1
        except UsageError as error:
            self.refused.append(f"{one.iri}: {error.message}")

    def _is_somebody(self, one: Said) -> bool:
        """Whether an agent of the document is a member here, or the group."""
        name = one.fields["name"]
        if self._me is not None and self._me in (one.iri, name):
            self._words[one.iri] = "me"
        elif name in self._members:
            self._words.setdefault(one.iri, self._members[name])
        return one.iri in self._words

    def _bring(self, one: Said, fields: dict[str, Any]) -> None:
        """Record an event under its name in the document, so that it is recorded once."""
        line = {"line": 0, "fields": fields, "note": one.note[:_NOTE_CHARACTERS_MAX], "identifier": one.iri}
        body = {"group": self._group, "source": "valueflows", "lines": [line]}
        (outcome,) = self._client.post("/lines", body)["outcomes"]
        if outcome["state"] == "refused":
            self.refused.append(f"{one.iri}: {outcome['message']}")
            return
        self.written += outcome["state"] == "recorded"
        self.known += outcome["state"] == "known"
        if outcome["record"]:
            self._words[one.iri] = outcome["record"]


def _intent_key(one: dict[str, Any]) -> tuple[str, ...]:
    """What makes two offers or needs of one member the same."""
    said = one.get("quantity") or one.get("effort_quantity") or one.get("resource_quantity")
    quantity = _normal(said) if said else ""
    kind = one.get("kind") or one.get("resource_conforms_to") or ""
    return one["purpose"], one["action"], quantity, kind, one.get("note") or ""


def _normal(said: str) -> str:
    try:
        return measure(said)
    except UsageError:
        return said  # counted in a unit of others, which nobody types here


def _show_said(result: dict[str, Any]) -> None:
    known = f", {result['known']:,} known already" if result["known"] else ""
    say(f"Recorded: {counted(result['written'], 'entry', 'entries')}{known}.")
    if result["others"]:
        say(f"Left out: {result['others']:,} that other members offer or need; they publish that themselves.")
    if result["refused"]:
        say(f"Refused: {counted(len(result['refused']), 'record')}, among them:", *result["refused"][:5])
