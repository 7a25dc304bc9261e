"""RULE: read from JSON, resolved, and said in words. Evaluated by `subscribers.matching` and `subscribers.explain`."""

from alerts.domain.words.rules.reading import parse_rule
from alerts.domain.words.rules.tree import (
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
    primary_subtag,
    resolve_rule,
    segments_of,
)
from alerts.domain.words.rules.words import rule_words

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
    "parse_rule",
    "primary_subtag",
    "resolve_rule",
    "rule_words",
    "segments_of",
]
