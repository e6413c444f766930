"""What events speak of: `agent.describe`, `spec.define`, `process.begin`, `process.finish`.

An agent here is somebody or something outside the group; members are agents by their own id, and so is the
group. Whoever may read the log may describe things; only who began a process ends it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from p2pnode.consensus.execution import BlockContext
from p2pnode.consensus.rows import State
from p2pnode.core.errors import FormatError
from p2pnode.economy import form, tables
from p2pnode.economy.form import Form
from p2pnode.economy.record import Record
from p2pnode.economy.tables import AgentRow, ProcessRow, SpecRow

AGENT_TYPE = "agent.describe"
SPEC_TYPE = "spec.define"
PROCESS_TYPE = "process.begin"
FINISH_TYPE = "process.finish"
AGENT_KINDS = ("organization", "ecological", "person")


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent outside the group. Shapes: a person's name is personal and stands in the annex alone (J11)."""

    kind: str
    name: str | None = None
    annex: bytes | None = None


@dataclass(frozen=True, slots=True)
class Spec:
    """A resource specification: one name for one kind of thing, so that all count the same."""

    name: str
    annex: bytes | None = None
    default_unit_of_effort: str | None = None
    default_unit_of_resource: str | None = None
    medium_of_exchange: bool | None = None
    resource_classified_as: tuple[str, ...] = ()
    substitutable: bool | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process. Shapes: based_on names its specification. Units: ms, as planned."""

    name: str
    annex: bytes | None = None
    based_on: str | None = None
    classified_as: tuple[str, ...] = ()
    has_beginning_ms: int | None = None
    has_end_ms: int | None = None
    in_scope_of: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """The end of a process."""

    process: bytes


def _check_agent(agent: Agent) -> None:
    if (agent.kind == "person") != (agent.name is None) or (agent.name is None and agent.annex is None):
        raise FormatError("agent.bad_name", "a person's name stands in the annex, others' names beside it")


def _check_process(process: Process) -> None:
    form.check_times("process", process.has_beginning_ms, process.has_end_ms)


AGENT: Form[Agent] = Form(
    "agent",
    Agent,
    {"kind": form.choice(*AGENT_KINDS)},
    {"annex": form.an_id, "name": form.a_name},
    _check_agent,
)
SPEC: Form[Spec] = Form(
    "spec",
    Spec,
    {"name": form.a_name},
    {
        "annex": form.an_id,
        "default_unit_of_effort": form.a_unit,
        "default_unit_of_resource": form.a_unit,
        "medium_of_exchange": form.true,
        "resource_classified_as": form.classes,
        "substitutable": form.true,
    },
)
PROCESS: Form[Process] = Form(
    "process",
    Process,
    {"name": form.a_name},
    {
        "annex": form.an_id,
        "based_on": form.a_name,
        "classified_as": form.classes,
        "has_beginning_ms": form.a_time,
        "has_end_ms": form.a_time,
        "in_scope_of": form.words,
    },
    _check_process,
)
FINISH: Form[Finish] = Form("process", Finish, {"process": form.an_id})


def describe_agent(state: State, record: Record, _: BlockContext) -> str | None:
    """Let events name somebody outside the group."""
    said = AGENT.decode(record.payload)
    tables.put(state, "agent", record.id, AgentRow(record.author, said.kind, said.name, said.annex))
    return None


def define_spec(state: State, record: Record, _: BlockContext) -> str | None:
    """Let events name a kind of thing."""
    said = SPEC.decode(record.payload)
    row = SpecRow(
        record.author,
        said.name,
        said.default_unit_of_resource,
        said.default_unit_of_effort,
        said.medium_of_exchange is True,
    )
    tables.put(state, "spec", record.id, row)
    return None


def begin_process(state: State, record: Record, _: BlockContext) -> str | None:
    """Let events be parts of a process."""
    said = PROCESS.decode(record.payload)
    row = ProcessRow(record.author, said.name, said.based_on, said.in_scope_of, False)
    tables.put(state, "process", record.id, row)
    return None


def finish_process(state: State, record: Record, _: BlockContext) -> str | None:
    """Say that nothing more goes into or comes out of a process."""
    process_id = FINISH.decode(record.payload).process
    row = tables.process(state, process_id)
    if row is None:
        return "process.unknown"
    if row.author != record.author:
        return "process.not_yours"
    if row.is_finished:
        return "process.finished"
    tables.put(state, "process", process_id, replace(row, is_finished=True))
    return None
