"""Compiling: a workflow becomes a plan, by lowering the nodes that lead to an output."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from graph import forms, fusion, samplers
from graph.canvases import Canvas, canvases
from graph.consulted import Consulted
from graph.correctable import check as correctable
from graph.distilled import check as mistaken
from graph.document import Document
from graph.drawing import NodeId
from graph.envelopes import laid, levels_of
from graph.errors import ChoraleError, Diagnostic, has_errors
from graph.interfaces import FusionRule, GuidanceForm, Sampler
from graph.levels import CLEAN, clipped
from graph.library import Library, Space
from graph.node import Carried, Node, Wired
from graph.panorama import check as panoramic
from graph.plan import Operation, Plan, PlanBuilder
from graph.plane import check as planar
from graph.registry import choices
from graph.sizes import check as sized
from graph.starting import check as unstartable
from graph.starting import noted
from graph.sweeps import expand
from graph.validate import validate
from graph.workflow import Workflow

MAX_PIXELS = 2**26


@dataclass(frozen=True, slots=True)
class Compiled:
    """The plan, or None where an error forbids it, with everything there is to say.

    The `canvases` of pictures are told with an error too, as far as they are known.
    """

    plan: Plan | None
    diagnostics: tuple[Diagnostic, ...]
    canvases: tuple[Canvas, ...] = ()


class Compiler:
    """Compiles one workflow as it is edited; what has not changed since the last time is kept."""

    def __init__(self, catalogue: Mapping[str, type[Node]], library: Library) -> None:
        self._catalogue = catalogue
        self._library = library
        self._document: Document | None = None
        self._consulted: Consulted | None = None
        self._compiled: Compiled | None = None

    def compile(self, workflow: Workflow) -> Compiled:
        """Validate and lower; never raises for what a workflow may contain."""
        if self._compiled and self._unchanged(workflow):
            return self._compiled
        self._consulted = Consulted(self._library, workflow.assets)
        document = Document(workflow, self._catalogue, self._consulted, self._document)
        self._compiled = _compiled(document)
        document.before = None  # the chain of earlier documents ends here
        self._document = document
        return self._compiled

    def _unchanged(self, workflow: Workflow) -> bool:
        before, library = self._document, self._consulted
        return bool(before and library and _equal(before.workflow, workflow) and library.holds())


def compile_workflow(
    workflow: Workflow, catalogue: Mapping[str, type[Node]], library: Library
) -> Compiled:
    """Compile a workflow from nothing."""
    return Compiler(catalogue, library).compile(workflow)


def _compiled(document: Document) -> Compiled:
    diagnostics, sides = validate(document), canvases(document)
    if has_errors(diagnostics):
        return Compiled(None, diagnostics, sides)
    try:
        plan = lower(document)
        said = mistaken(plan, document.library, document.title)
        fitted = (
            each
            for sample, space in _sampled(document, plan)
            for each in noted(sample, space, document.library, document.title)
        )
        return Compiled(plan, (*diagnostics, *said, *fitted), sides)
    except ChoraleError as error:
        return Compiled(None, (*error.diagnostics, *diagnostics), sides)


def lower(document: Document) -> Plan:
    """The plan of a document without errors.

    ChoraleError R007 or R009 for too large a batch, S001 for steps that cannot be placed, F008
    for a rule that is unsound along the path of its sampler, C001 to C004 for a corrector that is,
    F010 for an expert with two turns, F015 for a rule abroad that needs the sampler's path,
    F020 to F022 for a form of guidance that has nothing to form or cannot form it, S022 for a start
    from a picture where states are none.
    """
    builder = PlanBuilder()
    carried: dict[NodeId, Mapping[str, Carried]] = {}
    for name in document.order:
        values: dict[str, tuple[Carried, ...]] = {}
        spaces: dict[str, list[Space]] = {}
        for port, links in document.arriving[name].items():
            values[port] = tuple(carried[link.source.node][link.source.port] for link in links)
        for link, space in document.incoming_spaces(name, document.spaces):
            spaces.setdefault(link.target.port, []).append(space)
        wired = Wired(
            name, document.library, values, {port: tuple(each) for port, each in spaces.items()}
        )
        carried[name] = document.parsed[name].lower(builder, wired)
    plan = expand(laid(builder.build(), document.library))
    _check_pixels(document, plan)
    _check_starts(document, plan)
    _check_paths(document, plan)
    _check_turns(document, plan)
    _check_bridges(document, plan)
    _check_forms(document, plan)
    return plan


def _check_turns(document: Document, plan: Plan) -> None:
    """F010 if one expert would have to play at different levels in different places."""
    rules: Mapping[str, Any] = choices(fusion, FusionRule)

    def heard(operation: Operation) -> Iterator[tuple[Operation, tuple[float, float]]]:
        inputs = [plan.operations[ref.number] for ref in operation.inputs]
        turns = [(1.0, 0.0)] * len(inputs)
        if operation.op == "fuse":
            inputs = inputs[:-1] if operation["background"] else inputs
            rule: Any = operation["rule"]
            turns = rules[rule.name](**dict(rule.settings)).turns(len(inputs))
        if operation.op == "bridge" and inputs[1].op == "denoise":
            inputs, turns = inputs[:1], turns[:1]  # whatever its turn, an anchor is only asked
        yield from zip(inputs, turns, strict=True)

    for sample in plan.operations:
        if sample.op != "sample":
            continue
        score = sample.inputs[1].number
        spans: dict[int, tuple[float, float]] = {score: (1.0, 0.0)}
        # what an operation is made from comes before it, so that here all who hear it were seen
        for operation in reversed(plan.operations[: score + 1]):
            if operation.number not in spans:
                continue
            for each, turn in heard(operation):
                span = clipped(spans[operation.number], turn)
                if spans.setdefault(each.number, span) != span:
                    title = document.title(each.node)
                    raise ChoraleError(
                        Diagnostic(
                            "F010",
                            f"'{title}' has two turns: it plays in one place where it is silent "
                            "in another.",
                            f"Give the other turn a copy of '{title}'.",
                            node=each.node,
                        )
                    )


def _check_bridges(document: Document, plan: Plan) -> None:
    """F015 if a rule beyond a bridge follows densities along the path, which leads at home."""
    rules: Mapping[str, Any] = choices(fusion, FusionRule)
    for bridge in plan.operations:
        if bridge.op != "bridge":
            continue
        for each in plan.below(plan.operations[bridge.inputs[0].number]):
            rule: Any = each["rule"] if each.op == "fuse" else None
            if rule is not None and rules[rule.name].diffusing:
                raise ChoraleError(
                    Diagnostic(
                        "F015",
                        f"'{document.title(each.node)}' follows densities along the sampler's "
                        f"path, and beyond '{document.title(bridge.node)}' no path is taken.",
                        f"Let '{document.title(each.node)}' take the product.",
                        node=each.node,
                    )
                )


def _check_paths(document: Document, plan: Plan) -> None:
    """S001 if a track cannot place its steps, F008 if a rule follows one that does not diffuse.

    C001 to C004 if a corrector cannot know what it needs; F011 or C007 if nothing wide can be made,
    F016 or F017 for what points of the plane have not; C008, S019 or S020 for a size that is none.
    """
    rules: Mapping[str, Any] = choices(fusion, FusionRule)
    methods: Mapping[str, Any] = choices(samplers, Sampler)
    for operation in plan.operations:
        if operation.op != "sample":
            continue
        levels_of(operation)
        unsound = (
            *correctable(plan, operation, document.title),
            *panoramic(plan, operation, document.title),
            *planar(plan, operation, document.title),
            *sized(plan, operation, document.library, document.title),
        )
        if unsound:
            raise ChoraleError(*unsound)
        method: Any = operation["sampler"]
        if methods[method.name](**dict(method.settings)).diffuses:
            continue
        for each in plan.below(operation):
            rule: Any = each["rule"] if each.op == "fuse" else None
            if rule is not None and rules[rule.name].diffusing:
                raise ChoraleError(
                    Diagnostic(
                        "F008",
                        f"'{document.title(each.node)}' follows densities along a path of fresh "
                        f"noise, which {method} does not take: its choices would be wrong.",
                        "Let the sampler be euler_maruyama, euler_ancestral, or ddim with eta 1.",
                        node=each.node,
                    )
                )


def _check_forms(document: Document, plan: Plan) -> None:
    """F020 to F022 for a form of guidance that has nothing to form, or whose sampler cannot."""
    for sample in plan.operations:
        if sample.op == "sample":
            for each in plan.below(sample):
                if each.op == "form":
                    _check_form(document, plan, sample, each)


def _check_form(document: Document, plan: Plan, sample: Operation, form: Operation) -> None:
    formed = plan.operations[form.inputs[0].number]
    while formed.op == "form":
        formed = plan.operations[formed.inputs[0].number]
    title, other = document.title(form.node), document.title(formed.node)
    chosen: Any = form["form"]
    method: Any = sample["sampler"]
    methods: Mapping[str, Any] = choices(samplers, Sampler)
    sampler = methods[method.name](**dict(method.settings))
    renoises = choices(forms, GuidanceForm)[chosen.name].renoises
    if formed.op != "fuse":
        found = Diagnostic(
            "F020",
            f"'{title}' forms the guidance of a fusion, and '{other}' bends one.",
            f"Wire '{title}' to the fusion, and '{other}' after it.",
            node=form.node,
        )
    elif not _guides(formed):
        found = Diagnostic(
            "F021",
            f"'{title}' has no guidance to form: in '{other}' the guidance of experts only weighs.",
            f"Put it between an expert and '{other}'.",
            node=form.node,
        )
    elif renoises and sampler.renoised(levels_of(sample)[0], CLEAN) is None:
        found = Diagnostic(
            "F022",
            f"'{title}' changes what noise a step puts back; a step of {method} is another.",
            "Let the sampler be ddim, euler, euler_ancestral or euler_maruyama.",
            node=form.node,
        )
    else:
        return
    raise ChoraleError(found)


def _guides(fuse: Operation) -> bool:
    """Whether its rule measures experts against a background, so that they can be guided."""
    rule: Any = fuse["rule"]
    return choices(fusion, FusionRule)[rule.name].needs_background


def _check_pixels(document: Document, plan: Plan) -> None:
    """R009 if a track asks for more pixels than may be decoded together."""
    for sample, space in _sampled(document, plan):
        samples: Any = plan.operations[sample.inputs[0].number]["samples"]
        width, height = space.size
        if len(samples) * height * width > MAX_PIXELS:
            raise ChoraleError(
                Diagnostic(
                    "R009",
                    f"{len(samples)} pictures of {width}×{height} pixels are "
                    f"{len(samples) * height * width / 1e6:.0f} million pixels; "
                    f"at most {MAX_PIXELS / 1e6:.0f} million are sampled at once.",
                    "Lower the sampler's count, or sweep fewer values.",
                    node=sample.node,
                )
            )


def _check_starts(document: Document, plan: Plan) -> None:
    """S022 if a track is to start from a picture where states are none."""
    for sample, space in _sampled(document, plan):
        found = tuple(unstartable(sample, space, document.title))
        if found:
            raise ChoraleError(*found)


def _sampled(document: Document, plan: Plan) -> Iterator[tuple[Operation, Space]]:
    """Every sampled track, with its latent space at the size that it has."""
    for sample in plan.operations:
        if sample.op == "sample":
            space = next(s for _, s in document.incoming_spaces(sample.node, document.spaces))
            shape: Any = plan.operations[sample.inputs[0].number]["shape"]
            yield sample, replace(space, shape=shape)


def _equal(before: Workflow, now: Workflow) -> bool:
    """Whether nothing that is compiled or named in a message has changed."""
    return (
        before.nodes == now.nodes
        and before.wires == now.wires
        and before.subgraphs == now.subgraphs
        and before.assets == now.assets
    )
