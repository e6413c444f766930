"""`p2pnode proof`: what became of an entry, as a file that is checked with nothing but the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from p2pnode.commands.files import OutputFile, Trusted, id_of, read_bytes, write_bytes
from p2pnode.commands.invocation import GroupOption, Invocation, invocation_of
from p2pnode.commands.terminal import (
    EXIT_NO,
    local_time,
    print_json,
    print_table,
    say,
    short,
    size_text,
)
from p2pnode.core.errors import FormatError

proof = typer.Typer(help="Proofs that something is final, as files.", no_args_is_help=True)


FromPeer = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="PEER",
        help="Ask this peer instead of the own node; what it shows is verified here.",
        show_default=False,
    ),
]


def _hand_out(invocation: Invocation, answer: dict[str, Any], output: str | None) -> None:
    """Say what a proof shows, and write it where that is wanted."""
    from p2pnode.proof_summary import summary_of

    data = bytes.fromhex(answer["proof_hex"])
    summary = {**summary_of(data, None), "path": None, "peer_id": answer["peer_id"]}
    if output is not None:
        path = Path(output).expanduser()
        write_bytes(path, data)
        summary["path"] = str(path)
    invocation.answer(summary, _show_proof)


@proof.command()
def show(
    context: typer.Context,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="An entry or proposal, by its id.")],
    output: OutputFile = None,
    decision: Annotated[
        bool, typer.Option("--decision", help="Prove the result of a proposal, not that it was opened.")
    ] = False,
    peer: FromPeer = None,
    group: Annotated[
        str | None,
        typer.Option(
            "-g", "--group", metavar="GROUP", help="For an entry that is not here: name or whole id."
        ),
    ] = None,
) -> None:
    """Show, or write into a file, the proof of what the group made of an entry.

    Where this node lacks the entry or its history, members who are on-line are asked; what they show counts
    as far as it verifies here. A peer shows proofs also of what it does not let you read, but not its words.

    \b
    Examples:
      p2pnode proof show 3f0a99c2 -o receipt.proof
      p2pnode proof show 3f0a99c2 --decision -o decision.proof
      p2pnode proof show ENTRY_ID --from w3Xy89Ab --group GROUP_ID
    """

    invocation = invocation_of(context)
    asked = {"entry": entry, "decision": "true" if decision else None, "peer": peer, "group": group}
    _hand_out(invocation, invocation.client.get("/proof", **asked), output)


@proof.command()
def final(
    context: typer.Context,
    height: Annotated[int, typer.Argument(metavar="HEIGHT", min=0, help="A block; 0 is the last one.")] = 0,
    output: OutputFile = None,
    peer: FromPeer = None,
    group: GroupOption = None,
) -> None:
    """Show how far a group has decided: a final block with its certificate, from the founding on.

    Of a group that is not here, name the whole id, and a peer that holds it.

    \b
    Examples:
      p2pnode proof final
      p2pnode proof final 12 -o block.proof
      p2pnode proof final --from w3Xy89Ab --group GROUP_ID
    """
    invocation = invocation_of(context)
    of = invocation.group(group)
    answer = invocation.client.get("/proof/final", group=of, height=height, peer=peer)
    _hand_out(invocation, answer, output)


@proof.command()
def membership(
    context: typer.Context, output: OutputFile = None, peer: FromPeer = None, group: GroupOption = None
) -> None:
    """Show how you stand in a group, as its last final block says: as a member, or as one who is gone.

    \b
    Examples:
      p2pnode proof membership -o me.proof
      p2pnode proof membership --from w3Xy89Ab
    """
    invocation = invocation_of(context)
    answer = invocation.client.get("/proof/membership", group=invocation.group(group), peer=peer)
    _hand_out(invocation, answer, output)


@proof.command()
def receipt(
    context: typer.Context,
    record: Annotated[str, typer.Argument(metavar="RECORD", help="What was given, by the start of its id.")],
    output: OutputFile = None,
    group: GroupOption = None,
) -> None:
    """Write a receipt of what you gave: how much, with its corrections, who signed it, whether it stands.

    It is yours: a stranger checks it with `p2pnode proof verify FILE`, without any network.

    \b
    Example:
      p2pnode proof receipt 3f0a99c2 -o gardening.proof
    """

    invocation = invocation_of(context)
    answer = invocation.client.get("/receipt", group=invocation.group(group), record=record)
    _hand_out(invocation, answer, output)


@proof.command()
def verify(
    context: typer.Context,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A proof, a receipt or a bundle.")],
    trusted: Trusted = None,
) -> None:
    """Check a proof with nothing but the file; the exit status is 1 when it does not hold.

    Name the group's id with --trusted, so that nobody shows you another group's decision.
    """
    from p2pnode.proof_summary import summary_of

    data = read_bytes(Path(file).expanduser())
    invocation = invocation_of(context)
    try:
        summary = summary_of(data, id_of(trusted))
    except FormatError as error:
        rule, detail = error.rule, error.detail
        if rule.startswith("codec."):
            detail = "the file is no proof, or only a part of one"
            if data[:1] == b"{":
                detail = (
                    "this is no proof; an export is checked by p2pnode decisions check or p2pnode recompute"
                )
        invocation.answer(
            {"holds": False, "rule": rule, "message": detail},
            lambda answer: say(f"It does NOT hold: {answer['message'] or rule} ({rule})."),
        )
        raise typer.Exit(EXIT_NO) from error
    invocation.answer({"holds": True, **summary}, _show_proof)
    if trusted is None and not invocation.as_json:
        say("Which group that is, the file says itself. Is it the one you mean? Add --trusted GROUP_ID.")


def _show_proof(answer: dict[str, Any]) -> None:
    if answer.get("holds"):
        say("It holds.")
    say(
        f"group     {answer['group']}",
        f"block     height {answer['height']} of {local_time(answer['time_ms'])}, {answer['block']}",
        f"voters    {', '.join(map(short, answer['voters']))}",
    )
    if answer["finality"] != "ordinary":
        say(f"weaker    decided in a second convocation at {', '.join(map(str, answer['convoked_heights']))}")
    if "records" in answer:
        _show_records(answer["records"])
        return
    entry, row = answer["entry"], answer["row"]
    if entry is not None:
        state = entry["state"] if entry["rule"] is None else f"void ({entry['rule']})"
        say(
            f"entry     {entry['id']}",
            f"author    {entry['author']}",
            f"type      {entry['type']}, of {local_time(entry['time_ms'])}",
            f"state     {state}",
        )
        if entry["body"] is not None:
            say("body")
            print_json(entry["body"])
    if row is not None and row["decision"] is not None:
        decision = row["decision"]
        say(
            f"proposal  {decision['proposal']} on {decision['subject']}",
            f"result    {decision['result']}: {decision['yes']} yes, {decision['no']} no, "
            f"{decision['object']} objections, of {decision['voters']} who could vote",
        )
    elif row is not None and row["record"] is not None:
        record = row["record"]
        words = (record["action"], record["quantity"], record["kind"])
        say(
            f"record    {record['record']}, of {local_time(record['performed_ms'])}",
            f"says      {' '.join(word for word in words if word)}",
            f"given by  {record['provider']}",
            f"taken by  {record['receiver']}",
            f"signed by {', '.join(record['signers'])}",
            f"state     {record['status']}",
        )
    elif row is not None and row["member"] is not None:
        member = row["member"]
        say(f"member    {member['member']}, number {member['number']}", f"state     {member['status']}")
    elif row is not None and row["device"] is not None:
        device = row["device"]
        say(f"device    {device['device']}", f"of        {device['member']}", f"state     {device['status']}")
    elif row is not None:
        say(f"row       {row['key']}", f"value     {row['value'] or 'none: there is no such row'}")
    if answer.get("peer_id"):
        say(f"shown by  {answer['peer_id']}; every signature in it was verified here")
    if answer.get("path"):
        say(
            f"Written to {answer['path']} ({size_text(answer['bytes'])}). "
            f"Anybody can check it: p2pnode proof verify FILE --trusted {answer['group']}"
        )


def _show_records(records: list[dict[str, Any]]) -> None:
    say(f"records   {len(records):,}, each signed and final in this block")
    print_table(
        ("record", "date", "what", "from", "to", "state", "attested by"),
        [
            (
                short(one["record"]),
                local_time(one["performed_ms"])[:10],
                " ".join(word for word in (one["action"], one["quantity"], one["kind"]) if word),
                short(one["provider"]),
                short(one["receiver"]),
                one["status"],
                _judged(one["attestations"]),
            )
            for one in records
        ],
    )


def _judged(attestations: list[dict[str, Any]]) -> str:
    """Who judged a record, and how."""
    return ", ".join(
        f"{'disputed by ' if one['verdict'] == 'dispute' else ''}{short(one['member'])}"
        + (f" ({one['competence']})" if one["competence"] else "")
        for one in attestations
    )
