"""RULE: parsed from JSON, resolved and described. Evaluated by `audience.matching` and `audience.explain`."""

from alerts.kernel.rules.reading import parse_rule
from alerts.kernel.rules.size import measure_rule
from alerts.kernel.rules.tree import (
    EVERYONE,
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    InSegment,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
    resolve_rule,
    segments_of,
    shared_nodes,
)
from alerts.kernel.rules.words import rule_words

__all__ = [
    "EVERYONE",
    "All",
    "AnyOf",
    "FloorAtMost",
    "FrequencyIs",
    "HasChannel",
    "IdIn",
    "InSegment",
    "LanguageIs",
    "Not",
    "Rule",
    "SubscribedBefore",
    "TopicIs",
    "Touches",
    "measure_rule",
    "parse_rule",
    "resolve_rule",
    "rule_words",
    "segments_of",
    "shared_nodes",
]
