"""All figures by name, for `scripts/bench`."""

from collections.abc import Callable, Mapping

from tests.bench import (
    c1_certificates,
    c2_snapshot,
    c3_finality,
    c4_processes,
    c5_slices,
    e1_execution,
    e2_questions,
    m1_meters,
    n1_newcomer,
    w1_append,
    w2_catch_up,
    w3_differences,
    w4_live,
    w5_start,
)
from tests.bench.figures import Figure, Options

MEASURES: Mapping[str, Callable[[Options], list[Figure]]] = {
    "w1": w1_append.measure,
    "w2": w2_catch_up.measure,
    "w3": w3_differences.measure,
    "w4": w4_live.measure,
    "w5": w5_start.measure,
    "c1": c1_certificates.measure,
    "c2": c2_snapshot.measure,
    "c3": c3_finality.measure,
    "c4": c4_processes.measure,
    "c5": c5_slices.measure,
    "e1": e1_execution.measure,
    "e2": e2_questions.measure,
    "m1": m1_meters.measure,
    "n1": n1_newcomer.measure,
}
