"""The table of actions is the specification's, cell by cell."""

from p2pnode.economy.actions import ACTIONS, FLOWING, GIVING_AWAY, TAKING, Action

# From the ontology of ValueFlows 1.0.0: for each property, which actions have which value; the others have
# `notApplicable`.
_SPECIFIED = {
    "side": {
        "input": "consume use work cite pickup accept combine",
        "output": "produce dropoff modify separate",
        "outputInput": "deliverService",
    },
    "pairs_with": {"dropoff": "pickup", "pickup": "dropoff", "modify": "accept", "accept": "modify"},
    "creates": {
        "optional": "produce raise lower",
        "optionalTo": "transferAllRights transferCustody transfer move copy",
    },
    "quantity": {
        "resource": "produce consume cite deliverService pickup dropoff accept modify combine separate "
        "transferAllRights transferCustody transfer move copy raise lower",
        "effort": "work",
        "both": "use",
    },
    "accounting": {
        "increment": "produce raise",
        "decrement": "consume lower",
        "decrementIncrement": "transferAllRights transfer move",
        "incrementTo": "copy",
    },
    "onhand": {
        "increment": "produce dropoff modify separate raise",
        "decrement": "consume pickup accept combine lower",
        "decrementIncrement": "transferCustody transfer move",
        "incrementTo": "copy",
    },
    "location": {
        "new": "produce copy",
        "update": "pickup dropoff accept modify",
        "updateTo": "transferCustody transfer move",
    },
    "contained": {"update": "combine", "remove": "separate"},
    "accountable": {"new": "produce copy raise lower", "updateTo": "transferAllRights transfer move"},
    "stage": {"update": "produce dropoff modify separate"},
    "state": {
        "update": "produce consume use cite pickup dropoff accept modify combine separate raise lower",
        "updateTo": "transferAllRights transferCustody transfer move copy",
    },
}
_NAMES = (
    "produce consume use work cite deliverService pickup dropoff accept modify combine separate "
    "transferAllRights transferCustody transfer move copy raise lower"
)


def test_d2_the_nineteen_actions_have_the_effects_of_the_specification() -> None:
    assert list(ACTIONS) == _NAMES.split()
    assert len(ACTIONS) == 19
    for name, action in ACTIONS.items():
        expected = {
            column: next((value for value, actions in values.items() if name in actions.split()), "")
            for column, values in _SPECIFIED.items()
        }
        assert action == Action(name, **expected)


def test_pairs_are_mutual() -> None:
    for action in ACTIONS.values():
        if action.pairs_with:
            assert ACTIONS[action.pairs_with].pairs_with == action.name


def test_what_is_taken_from_somebody_follows_from_the_table() -> None:
    decreasing = {
        name for name, action in ACTIONS.items() if action.accounting in ("decrement", "decrementIncrement")
    }
    assert decreasing == TAKING
    assert TAKING - {"consume"} == GIVING_AWAY
    assert set(ACTIONS) >= FLOWING
