"""What must hold at every step of every schedule. The ids are those of the reliability semantics.

An invariant of something that is not built yet is off, with the reason; it is listed in the JSON as
such, and switched on here when the thing is there.
"""

from __future__ import annotations

from typing import NamedTuple


class Violation(NamedTuple):
    """Something that does not hold.

    Args:
        seed: of the schedule.
        rule: id of the invariant.
        at: true time.
        text: what was seen.
    """

    seed: int
    rule: str
    at: float
    text: str


class Invariant(NamedTuple):
    """One invariant.

    Args:
        meaning: in a sentence.
        off: why it is not checked; empty when it is.
    """

    meaning: str
    off: str = ""


INVARIANTS: dict[str, Invariant] = {
    "I1": Invariant(
        "every submit that a provider saw has an earlier intent in the store",
        "there is no ledger of intents yet",
    ),
    "I2": Invariant(
        "the sends of a call are bounded: by the policy, by one repeat after an outcome that may "
        "have been billed, and for all attempts of a client together by their number plus the rest"
    ),
    "I2-pass": Invariant(
        "nor is the pass-through made when an earlier send may have been billed and no repeat is "
        "left",
        "decided otherwise: never worse than alone, so the own provider is asked once",
    ),
    "I3": Invariant("no attempt starts after the deadline; the answer comes soon after it"),
    "I4": Invariant("a job nobody can wait for is cancelled"),
    "I4-crash": Invariant(
        "a job whose owner died is cancelled by another process", "nobody looks for such jobs yet"
    ),
    "I4-lost": Invariant(
        "a job that was given up because its owner can't be reached is cancelled once he can",
        "nobody comes back to such jobs yet",
    ),
    "I5": Invariant("a job has one owner for its life, and questions about it go nowhere else"),
    "I6": Invariant("a result that is there is handed over, and no new submit is made for it"),
    "I7": Invariant("nothing is sent after a submit that serves"),
    "I8": Invariant("if nobody serves, the caller gets what his own provider said"),
    "I9": Invariant("no submit follows on a refusal that is the caller's own, or a policy's"),
    "I9-pass": Invariant(
        "nor the pass-through, after an alternative's refusal for the sake of a policy",
        "decided otherwise: it is the provider that the caller asked, not a laxer one",
    ),
    "I10": Invariant("at most one live probe of a scope, over all processes"),
    "I11": Invariant("no wedge: an expired scope admits somebody"),
    "I12": Invariant("a report of an older generation changes nothing but a Retry-After"),
    "I13": Invariant("a cooldown is never longer than the cap allows, never cut short"),
    "I14": Invariant("no attempt inside a Retry-After, but one pass-through of a call"),
    "I15": Invariant("what says nothing about a provider changes nothing"),
    "I16": Invariant("silence counts only after another provider has answered"),
    "I16-fleet": Invariant(
        "a second process that reports the same silence confirms it", "not built yet"
    ),
    "I17": Invariant("the trouble of one key never blocks another"),
    "I18": Invariant("spilled load stays within its window", "there is no spill window yet"),
    "I19": Invariant("the tokens of a bucket stay within 0 and its size", "no bucket yet"),
    "I20": Invariant("what is cooling is left alone, but for one pass-through of a call"),
    "I21": Invariant("a store that fails changes nothing that the application sees"),
    "I21-jobs": Invariant(
        "a poll of a moved job finds its way while the store fails",
        "addresses of jobs do not carry their route yet",
    ),
    "I22": Invariant("nothing that a provider, a store or a listener does raises out of a flow"),
    "I23": Invariant("the rows of the store are bounded"),
    "I24": Invariant("when all is quiet no lease is left"),
    "I25": Invariant("a call that is cancelled ends at once, and asks nothing more"),
    "I26": Invariant("listeners that raise change no outcome"),
    "D5": Invariant("evidence is counted, opens its scope at its threshold, and is cleared"),
    "OWN": Invariant("the caller's own provider is asked first, unless it is cooling"),
    "LIVE": Invariant("a call gets through if somebody is there who can serve it"),
    "TRUTH": Invariant("what the caller gets was made for this call; a success stays as it came"),
    "SEC": Invariant("a send carries a key of its provider, goes to it, and holds no secret"),
    "STOP-SDK": Invariant(
        "fal_client is told not to send again once an unknown outcome was followed by another send"
    ),
    "STOP-OPENAI": Invariant("so is openai", "its dialect does not exist yet"),
    "END": Invariant("every schedule comes to an end"),
}
