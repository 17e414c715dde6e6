"""Bugs put in on purpose: a simulation that doesn't find them proves nothing."""

from __future__ import annotations

from failover.core import verdict as verdicts

from .planting import Bug

_Action, _Bill = verdicts.Action, verdicts.Bill
_HEALTH, _ENTRY, _FLOW = "core.health", "core.entry:enter", "core.flow"
_ELSEWHERE, _WALK, _WATCH = "core.elsewhere", "core.walk:Walk", "core.watch"
_LATE = "evidence.generation < known.generation or known.remaining(now) > 0"

PLANTED: tuple[Bug, ...] = (
    # --- health -------------------------------------------------------------------------------
    Bug(
        "late failures count",
        f"{_HEALTH}:after_failure",
        _LATE,
        "known.remaining(now) > 0",
        rare=True,
    ),
    Bug("failures count while it cools", f"{_HEALTH}:after_failure", _LATE, "False"),
    Bug(
        "a late success closes",
        f"{_HEALTH}:after_success",
        "generation < standing.generation",
        "False",
    ),
    Bug("a success closes nothing", f"{_HEALTH}:after_success", "length=0.0", "length=1e4"),
    Bug("a success does not reset the count", f"{_HEALTH}:after_success", "count=0)", "lease=0.0)"),
    Bug("cooling never ends", f"{_HEALTH}:Standing.remaining", "else 0.0", "else self.length"),
    Bug(
        "cooling ends at once",
        f"{_HEALTH}:Standing.remaining",
        "< self.length",
        "< self.length / 2",
    ),
    Bug("a lease without limit", f"{_HEALTH}:admit", "lease=now + lease", "lease=now + 1e9"),
    Bug("no lease", f"{_HEALTH}:admit", "lease=now + lease", "lease=0.0"),
    Bug(
        "a lease nobody looks at",
        f"{_HEALTH}:admit",
        "max(0.0, min(standing.lease - now, lease))",
        "0.0",
    ),
    Bug(
        "a probe that is not fenced",
        f"{_HEALTH}:admit",
        "standing.generation + 1",
        "standing.generation",
    ),
    Bug(
        "a release that opens",
        f"{_HEALTH}:release",
        "lease=0.0",
        "lease=0.0, set_at=0.0, length=0.0",
    ),
    Bug(
        "a release that keeps the lease", f"{_HEALTH}:release", "lease=0.0", "count=standing.count"
    ),
    Bug(
        "anybody's release counts",
        f"{_HEALTH}:release",
        "generation == standing.generation",
        "True",
        rare=True,
    ),
    Bug(
        "thresholds are one too high",
        f"{_HEALTH}:after_failure",
        "count < evidence",
        "count <= evidence",
    ),
    Bug(
        "the first failure opens",
        f"{_HEALTH}:after_failure",
        "count < evidence.rule.threshold",
        "False",
    ),
    Bug(
        "jitter shortens",
        f"{_HEALTH}:after_failure",
        "* evidence.jitter",
        "* (2 - evidence.jitter)",
    ),
    Bug("the server's wish is cut", f"{_HEALTH}:after_failure", "max(own, asked)", "own"),
    Bug(
        "no cap",
        f"{_HEALTH}:after_failure",
        "min(evidence.rule.base * 2**level, evidence.rule.cap)",
        "evidence.rule.base * 100 * 2**level",
    ),
    Bug("levels never rise", f"{_HEALTH}:after_failure", "min(level + 1, MAX_LEVEL)", "0"),
    Bug(
        "a late report shortens",
        f"{_HEALTH}:_prolonged",
        "not known.opened or now + asked <= known.set_at + known.length",
        "not known.opened",
    ),
    # --- entry, flow --------------------------------------------------------------------------
    Bug("cooling is not looked at", _ENTRY, "entry is Entry.REFUSED", "False"),
    Bug(
        "a probe needs no leave",
        _ENTRY,
        "entry is Entry.PROBE:\n            admission",
        "False:\n            admission",
    ),
    Bug(
        "a call that may not enter keeps its probes",
        _ENTRY,
        "yield from Pass(generations, tuple(probes)).settle()",
        "pass",
        rare=True,
    ),
    Bug("keys are not entered", "core.walk:scopes_of", 'f"key:{provider}/{key}",', ""),
    Bug(
        "probes are never given back",
        f"{_FLOW}:_note_own",
        "yield from passed.settle()",
        "pass",
        rare=True,
    ),
    Bug(
        "refused input goes elsewhere",
        f"{_FLOW}:_ask_own",
        "walk.verdict.action is Action.SURFACE or ",
        "",
    ),
    Bug("repeats without end", f"{_WALK}.may_repeat", " or self.duplicates", ""),
    Bug(
        "unknown counts as refused",
        f"{_WALK}.may_repeat",
        "(Bill.NOT_SENT, Bill.REFUSED)",
        "(Bill.NOT_SENT, Bill.REFUSED, Bill.UNKNOWN)",
    ),
    Bug(
        "accepted counts as refused",
        f"{_WALK}.may_repeat",
        "(Bill.NOT_SENT, Bill.REFUSED)",
        "(Bill.NOT_SENT, Bill.REFUSED, Bill.ACCEPTED)",
    ),
    Bug(
        "the wish to surface is ignored",
        f"{_WALK}.may_repeat",
        'self.ctx.settings.on_unknown != "failover"',
        "False",
    ),
    Bug(
        "what the own provider said is replaced",
        f"{_FLOW}:_forward",
        "walk.original = reply",
        "walk.original = walk.original or reply._replace()",
    ),
    Bug(
        "an exhausted call is forgotten",
        f"{_FLOW}:_give_up",
        "ctx.memory.note_exhausted(ctx.who(), walk.request, bill)",
        "pass",
    ),
    Bug(
        "a success of the own provider is not noted",
        f"{_FLOW}:_ask_own",
        "yield from walk.succeeded(walk.provider, walk.slug, key, passed.generations)",
        "pass",
    ),
    Bug(
        "no snapshot of generations",
        f"{_FLOW}:_ask_own",
        "passed = passed or Pass(ctx.health.generations())",
        "passed = passed or Pass()",
        rare=True,
    ),
    Bug("the store is not read again", f"{_FLOW}:_create", "ctx.health.stale()", "False"),
    # --- walk, evidence -----------------------------------------------------------------------
    Bug(
        "silence counts at once",
        f"{_WALK}._network_works",
        "return self.ctx.memory.reached_another",
        "return True or self.ctx.memory.reached_another",
    ),
    Bug(
        "silence never counts",
        f"{_WALK}.reached",
        "for silent, found in proven:",
        "for silent, found in []:",
    ),
    Bug(
        "the deadline is not looked at",
        f"{_WALK}.has_time",
        "return left >",
        "return True or left >",
    ),
    Bug(
        "successes close every key",
        f"{_WALK}.succeeded",
        "scopes_of(provider, slug, key)",
        "[*scopes_of(provider, slug, key), 'key:fal/fal-k0', 'key:replicate/replicate-k0']",
    ),
    Bug(
        "evidence under the wrong key",
        "core.verdict:evidence",
        '"key": f"key:{provider}/{key}"',
        '"key": f"key:{provider}/{provider}-k0"',
    ),
    Bug(
        "a key's trouble blocks the host",
        "core.verdict:evidence",
        '"key": f"key:{provider}/{key}"',
        '"key": f"host:{provider}"',
    ),
    Bug(
        "evidence of another generation",
        "core.verdict:evidence",
        "generations.get(scope, 0)",
        "10**6",
    ),
    Bug(
        "Retry-After is not read",
        "core.retry_after:retry_after",
        "if seconds is not None:",
        "if False:",
    ),
    Bug(
        "Retry-After in minutes",
        "core.retry_after:retry_after",
        "max(seconds, SHORTEST)",
        "max(seconds / 60, SHORTEST)",
    ),
    # --- elsewhere, candidates ----------------------------------------------------------------
    Bug(
        "one attempt too many",
        f"{_ELSEWHERE}:serve_elsewhere",
        "walk.sends >= walk",
        "walk.sends > walk",
    ),
    Bug(
        "one attempt too few",
        f"{_ELSEWHERE}:serve_elsewhere",
        "walk.sends >= walk.ctx.settings.attempts",
        "walk.sends + 1 >= walk.ctx.settings.attempts",
    ),
    Bug("goes on after STOP", f"{_ELSEWHERE}:serve_elsewhere", "isinstance(ended, Stop)", "False"),
    Bug("policy shopping", "row:policy", "action", _Action.FAILOVER),
    Bug(
        "every key of a sick endpoint is tried",
        f"{_ELSEWHERE}:serve_elsewhere",
        "ended is None or ended.action is not Action.NEXT_KEY",
        "False",
    ),
    Bug(
        "the wrong key",
        f"{_ELSEWHERE}:_try",
        "Send(endpoint.provider, candidate.key, request",
        "Send(endpoint.provider, walk.ctx.caller_key(walk.provider, walk.request), request",
    ),
    Bug(
        "a poll under another key",
        f"{_WATCH}:_ask",
        "Send(job.provider, job.key,",
        "Send(job.provider, ctx.keys(job.provider)[-1],",
    ),
    Bug(
        "a poll goes to the caller's provider",
        f"{_WATCH}:_ask",
        "Send(job.provider, job.key,",
        "Send(job.caller, ctx.keys(job.caller)[0],",
    ),
    Bug(
        "a bad poll ends the job",
        f"{_WATCH}:_says_nothing",
        "return not 200 <= reply.status < 300",
        "return False",
    ),
    Bug(
        "one lost poll loses the job",
        f"{_WATCH}:Watch.note_failure",
        "self.failures >= count and now - self.failing_since >= seconds",
        "True",
    ),
    Bug(
        "jobs are not saved",
        f"{_ELSEWHERE}:_finish",
        "yield from ask(SaveJob(job, JOB_TTL))",
        "pass",
    ),
    Bug(
        "its own limit is taken for a cancel",
        f"{_ELSEWHERE}:_finish",
        "outcome = OVERDUE",
        "pass",
        rare=True,
    ),
    Bug("nobody cancels", f"{_ELSEWHERE}:_abandon", "dialect.cancel(job)", "dialect.poll(job)"),
    Bug(
        "the job of another call is answered",
        f"{_ELSEWHERE}:_job",
        'outcome.job or ""',
        '(outcome.job or "")[:-1] + "0"',
    ),
    Bug(
        "providers out of reach are asked first",
        "core.candidates:candidates",
        "[*_own_keys(walk, source), *_elsewhere(walk, source, asked)]",
        "[]",
    ),
    Bug(
        "the caller's own key again",
        "core.candidates:_own_keys",
        "mine and key != mine",
        "mine",
        rare=True,
    ),
    # --- rows ---------------------------------------------------------------------------------
    Bug("a conflict is tried elsewhere", "row:conflict", "action", _Action.FAILOVER),
    Bug("a rate limit surfaces", "row:rate", "action", _Action.SURFACE),
    Bug("a locked account surfaces", "row:balance", "action", _Action.SURFACE),
    Bug("a server error counts as served", "row:server-error", "action", _Action.DONE),
    Bug("a gateway is believed", "row:gateway", "bill", _Bill.REFUSED),
    Bug("silence is a refusal", "row:silence", "bill", _Bill.REFUSED),
    Bug("a rate limit blames the model", "row:rate", "scope", "model"),
    Bug("a server error says nothing", "row:server-error", "rule", None),
    Bug(
        "a job's bad input is tried elsewhere",
        "row:job-input",
        "action",
        _Action.FAILOVER,
        rare=True,
    ),
    # --- view, dialects -----------------------------------------------------------------------
    Bug(
        "the view forgets to look",
        "_health_view:HealthView.entry",
        "Entry.REFUSED if",
        "Entry.GO if",
    ),
    Bug(
        "fal: junk is intact",
        "dialects.fal:Fal.cause",
        "return cause_of(reply)",
        "return Cause.UNSPECIFIED",
        rare=True,
    ),
    Bug("fal: a queued job is done", "dialects.fal:_read_result", "Done(reply.json())", "Done([])"),
    Bug(
        "replicate: canceled is done",
        "dialects.replicate:_read_prediction",
        'case "succeeded":',
        'case "succeeded" | "processing":',
    ),
)
