"""Scores: every operation between the networks and the sampler, as lines of the denoiser."""

from __future__ import annotations

from graph.export import choosing
from graph.export.amounts import Amounts
from graph.export.asking import Asking
from graph.export.bending import changed, draws, followed, likelihood, modulator
from graph.export.bridging import bridge, codec, shape_of
from graph.export.course import Course
from graph.export.draft import Draft
from graph.export.forming import form
from graph.export.merging import background, merge
from graph.export.refusing import refused
from graph.export.weighing import bare, inputs_of, source
from graph.plan import Choice, Operation

UNFOUNDED = "weights that do not sum to one without a background"


class Scoring:
    """Writes the scores of a track, from the networks' answers up."""

    def __init__(self, draft: Draft, course: Course, amounts: Amounts, asking: Asking) -> None:
        self._draft = draft
        self._course = course
        self._amounts = amounts
        self._asking = asking
        self._found: dict[int, tuple[str, str]] = {}

    def estimate(self, operation: Operation) -> tuple[str, str]:
        """The variables of a score's estimate and of what it is measured against by itself."""
        if operation.number not in self._found:
            self._found[operation.number] = self._estimated(operation)
        return self._found[operation.number]

    def _estimated(self, operation: Operation) -> tuple[str, str]:
        if operation.op == "denoise":
            return self._asking.voice(operation), self._asking.null(operation)
        if operation.op == "bridge":
            return self._bridged(operation)
        if operation.op == "modulate":
            return self._modulated(operation)
        if operation.op == "guide":
            return self._guided(operation)
        forms: list[Operation] = []
        while operation.op == "form":
            forms.insert(0, operation)
            operation = self._draft.plan.operations[operation.inputs[0].number]
        return self._fused(operation, forms)

    def _modulated(self, operation: Operation) -> tuple[str, str]:
        """A score whose estimate a modulator rewrites; what it is measured against stays."""
        draft, amounts = self._draft, self._amounts
        clean, null = self.estimate(draft.plan.operations[operation.inputs[0].number])
        if not amounts.ever(operation):
            return clean, null
        name, maps = modulator(draft, operation)
        words = f"{source(draft.plan, operation).node}_modulated"
        bent = draft.named(("bent", operation.number), words)
        change = f"{name}({draft.state}, {clean}, level, {maps})"
        weight, switch = amounts.own(operation), amounts.switch(operation)
        draft.body += changed(bent, clean, change, weight, switch)
        return bent, null

    def _guided(self, operation: Operation) -> tuple[str, str]:
        """A score whose estimate follows a likelihood; what it is measured against stays."""
        draft, amounts = self._draft, self._amounts
        inner = draft.plan.operations[operation.inputs[0].number]
        clean, null = self.estimate(inner)
        if not amounts.ever(operation):
            return clean, null
        lead = self._asking.lead
        painted = lead.canvas if lead else None
        likely = likelihood(draft, operation, codec(draft, lead), painted)
        known = {"clean": self._unguided(inner), "likely": likely}
        change = followed(draft, operation, known)
        # whoever is not asked draws nothing
        switch = amounts.switch(operation)
        if draws(operation):
            switch = amounts.heard({operation.number})
        heard = source(draft.plan, operation)
        bent = draft.named(("bent", operation.number), f"{heard.node}_guided")
        draft.body += changed(bent, clean, change, amounts.own(operation), switch)
        return bent, null

    def _unguided(self, operation: Operation) -> str:
        """What guidance around a score sees of it: of several all see it without any of them."""
        plan, amounts = self._draft.plan, self._amounts
        if operation.op not in ("guide", "modulate"):
            return self.estimate(operation)[0]
        within = plan.operations[operation.inputs[0].number]
        if operation.op == "guide" or not amounts.ever(operation):
            return self._unguided(within)
        bent, before = self.estimate(operation)[0], self._unguided(within)
        switch = amounts.switch(operation)
        same = before == self.estimate(within)[0]
        return bent if same or not switch else f"({bent} if {switch} else {before})"

    def _bridged(self, operation: Operation) -> tuple[str, str]:
        """What comes home over a bridge, and the anchor's null that it is measured against."""
        draft, amounts = self._draft, self._amounts
        foreign, anchor = inputs_of(draft.plan, operation)[0]
        here, null = self.estimate(anchor)
        base = self._asking.asked(null) or here
        if not amounts.sounds(foreign):
            return base, base
        heard = source(draft.plan, foreign)
        switch = amounts.switch(heard)
        shape = shape_of(draft, operation)
        state = draft.named(("abroad", operation.number), "abroad")
        with draft.abroad(state, shape) as lines:
            asking = Asking(draft, amounts)
            clean, null = Scoring(draft, self._course, amounts, asking).estimate(foreign)
            null = self._known(asking, foreign, asking.asked(null))
            calls = asking.calls(switch)
        name, memory = bridge(draft, operation, self._asking.lead, asking.lead, shape)
        brought = draft.named(("home", operation.number), f"{heard.node}_at_home")
        lines = [
            f"{state} = {name}.away({here}, level, {memory})",
            *calls,
            *lines,
            f"{brought} = {name}.back({base}, {clean}, {null}, level, {memory})",
        ]
        if switch:
            lines = [f"{brought} = {base}", f"if {switch}:", *(f"    {line}" for line in lines)]
        draft.body += lines
        return brought, base

    def _known(self, asking: Asking, foreign: Operation, null: str) -> str:
        """What a foreign estimate is held against: nothing where that is the very same answer.

        So it is of an expert that knows no condition, as long as nobody bends it; a formula has
        no other.
        """
        plan, amounts = self._draft.plan, self._amounts
        heard = bare(plan, foreign)
        if not null:
            return "None"
        if heard.op != "denoise" or asking.voice(heard) != null:
            return null
        switches: list[str] = []
        while foreign.op in ("guide", "modulate"):
            switches += [amounts.switch(foreign)] if amounts.ever(foreign) else []
            foreign = plan.operations[foreign.inputs[0].number]
        if not switches:
            return "None"
        return null if "" in switches else f"{null} if {' or '.join(switches)} else None"

    def _fused(self, operation: Operation, forms: list[Operation]) -> tuple[str, str]:
        """A fusion, in the forms that it is given."""
        draft, amounts = self._draft, self._amounts
        inputs, wired = inputs_of(draft.plan, operation)
        if all(row["loud", operation.number] for row in self._course.rows):
            inputs = [each for each in inputs if amounts.sounds(each)]
        found = [self.estimate(each) for each in inputs]
        clean, nulls = [each for each, _ in found], [each for _, each in found]
        call = merge(draft, self._course, operation, clean)
        if wired is None or call.reads("nulls"):
            nulls = [self._asking.asked(each) for each in nulls]
        weights = [amounts.of(each, "weight") for each in inputs]
        if wired:
            base = self.estimate(wired)[0]
        else:
            base = self._background(operation, inputs, clean, nulls)
        lack = ""
        if not wired and not any(nulls):
            call, lack = call.alone(), self._lack(operation, inputs, weights, base)
        if lack and forms:
            raise refused([f"a form of {UNFOUNDED} ('{operation.node}')"])
        nulls = [each or base for each in nulls]
        name = draft.named(("merge", operation.number), operation.node)
        more = f"{lack} + " if lack else ""
        draft.body.append(f"{name} = {more}{call.with_(weights, nulls, base)}")
        if lack:
            return name, f"({base} + {lack})"
        if forms:
            plain = draft.named(("plain", operation.number), f"{name}_plain")
            unguided = [amounts.of(each, "plain") for each in inputs]
            draft.body.append(f"{plain} = {call.with_(unguided, nulls, base)}")
            for each in forms:
                form(draft, self._course, amounts, each, operation, (name, plain, base))
        return name, base

    def _background(
        self,
        operation: Operation,
        inputs: list[Operation],
        clean: list[str],
        nulls: list[str],
    ) -> str:
        """The mix of the nulls that there are; of formulas their mean."""
        draft, amounts = self._draft, self._amounts
        if any(nulls):
            known = [pair for pair in zip(inputs, nulls, strict=True) if pair[1]]
            if len(known) < len(inputs) and not amounts.always([each for each, _ in known]):
                raise refused([f"a formula whose background falls silent ('{operation.node}')"])
            inputs, nulls = [each for each, _ in known], [each for _, each in known]
            return background(draft, amounts, operation, inputs, nulls)
        return background(draft, amounts, operation, inputs, clean, alike=True)

    def _lack(
        self, operation: Operation, inputs: list[Operation], weights: list[str], mean: str
    ) -> str:
        """The variable of what is added to a fusion against the mean of formulas; empty if nothing.

        ChoraleError W024 where that has no finite value, at pure noise.
        """
        draft, choice = self._draft, operation["rule"]
        builds = isinstance(choice, Choice) and choosing.member("fusion", choice).needs_background
        if not builds or self._amounts.whole(inputs):
            return ""
        if not self._amounts.whole(inputs, begun=False):
            raise refused([f"{UNFOUNDED} at pure noise ('{operation.node}')"])
        draft.wanted.append(("background", "lacking"))
        name = draft.named(("lack", operation.number), f"{operation.node}_lack")
        told = f"{draft.state}, level, {mean}, [{', '.join(weights)}]"
        draft.body.append(f"{name} = lacking({told})")
        return name
