"""Description of a rule in words."""

from __future__ import annotations

from alerts.kernel.languages import primary_subtag
from alerts.kernel.rules.tree import (
    All,
    AnyOf,
    FloorAtMost,
    FrequencyIs,
    HasChannel,
    IdIn,
    InSegment,
    Json,
    LanguageIs,
    Not,
    Rule,
    SubscribedBefore,
    TopicIs,
    Touches,
)

_LONGEST = 1_000
"""Characters of a phrase and of each phrase within it; a longer one is cut."""


def rule_words(rule: Rule) -> str:
    """Describe a rule as a phrase that follows "people": `who get text messages and whose language is pl`."""
    return _words(rule, {})


def _words(rule: Rule, said: dict[int, str]) -> str:
    """Describe an operator once, however often the rule names it."""
    if id(rule) not in said:
        words = _phrase(rule, said)
        said[id(rule)] = words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"
    return said[id(rule)]


def _phrase(rule: Rule, said: dict[int, str]) -> str:
    match rule:
        case All(()):
            return "everyone"
        case AnyOf(()):
            return "nobody"
        case All(rules):
            return _joined(rules, " and ", said)
        case AnyOf(rules):
            return _joined(rules, " or ", said)
        case Not(inner):
            return f"not ({_words(inner, said)})"
        case Touches(parts):
            return "with a place that touches " + " or ".join(_part_words(p) for p in parts)
        case TopicIs(topic):
            return f"who follow {topic}"
        case FloorAtMost(severity):
            return f"who want messages of severity {severity} or less, too"
        case HasChannel(channel):
            return f"who can be reached by {channel}"
        case LanguageIs(tag):
            return f"whose language is {primary_subtag(tag)}"
        case InSegment(slug):
            return f"in the segment {slug}"
        case FrequencyIs(frequency):
            return f"who get messages {'at once' if frequency == 'immediate' else frequency}"
        case SubscribedBefore(time):
            return f"who subscribed before {time.isoformat()}"
        case IdIn(ids):
            return f"among {len(ids)} named subscriber{'' if len(ids) == 1 else 's'}"


def _joined(rules: tuple[Rule, ...], word: str, said: dict[int, str]) -> str:
    inner = [_words(r, said) for r in rules]
    return inner[0] if len(inner) == 1 else "(" + word.join(inner) + ")"


def _part_words(part: Json) -> str:
    if "place" in part:
        return str(part["place"])
    if "circle" in part:
        c = part["circle"]
        return f"the circle of {c['radius_km']:g} km around {c['lat']:g}, {c['lon']:g}"
    return "a drawn area"
