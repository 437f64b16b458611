"""Speed: what makes networks answer sooner on some hosts, at a price; none of it unless asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_map_only

from graph.errors import ChoraleError, Diagnostic

MEANINGS: Mapping[str, str] = {
    "compile": "compiled transformer blocks",
    "graphs": "networks that are compiled whole and recorded as CUDA graphs",
    "channels-last": "convolutions whose channels lie last in memory",
}
"""The words of CHORALE_SPEED, and what they ask for."""
BLOCK = "TransformerBlock"
"""How diffusers names the classes of the blocks that a network repeats."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Which of the MEANINGS are asked for."""

    words: frozenset[str] = frozenset()

    @classmethod
    def read(cls, text: str) -> Speed:
        """The words of a text such as `compile channels-last`.

        ChoraleError R016 for one that is none, or that this host cannot do.
        """
        for word in text.split():
            if word not in MEANINGS:
                raise _refused(word, f"expected {', '.join(MEANINGS)}")
            if word == "graphs" and not torch.cuda.is_available():
                raise _refused(word, "which takes a CUDA device, and there is none")
        return cls(frozenset(text.split()))

    def applied(self, network: Any) -> Any:
        """The network itself, made quicker; what has no transformer blocks is not compiled."""
        if "channels-last" in self.words:
            network.to(memory_format=torch.channels_last)
        blocks = [each for each in network.modules() if type(each).__name__.endswith(BLOCK)]
        if blocks and "graphs" in self.words:
            _compile(network, recorded, mode="reduce-overhead")
        elif "compile" in self.words:
            for block in blocks:
                _compile(block)
        return network


PLAIN = Speed()
"""Nothing is asked for."""


def recorded(run: Callable[..., Any], plain: Callable[..., Any], *args: Any, **more: Any) -> Any:
    """A call that replays a CUDA graph, whose answer would be overwritten by the next: copied.

    Where gradients are wanted, which such graphs forget, the network answers without.
    """
    if torch.is_grad_enabled():
        return plain(*args, **more)
    torch.compiler.cudagraph_mark_step_begin()
    return tree_map_only(torch.Tensor, torch.clone, run(*args, **more))


def _compile(module: Any, call: Callable[..., Any] | None = None, **options: Any) -> None:
    """Compile a module in place; where an adapter listens in, it answers without.

    Copies of it, such as the twins of LoRAs, are not compiled: torch leaves that behind.
    """
    module.compile(**options)
    compiled, plain = module._compiled_call_impl, module._call_impl  # noqa: SLF001 - torch has no public name
    run = partial(call, compiled, plain) if call else compiled
    inside = list(module.modules())

    def quick(*args: Any, **more: Any) -> Any:
        # what is compiled would go on without hooks that came later
        if any(each._forward_hooks for each in inside):  # noqa: SLF001 - nor has it for these
            return plain(*args, **more)
        try:
            return run(*args, **more)
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            raise _uncompiled(error) from error

    module._compiled_call_impl = quick  # noqa: SLF001


def _refused(word: str, why: str) -> ChoraleError:
    return ChoraleError(
        Diagnostic(
            "R016",
            f"CHORALE_SPEED says '{word[:40]}', {why}.",
            "Leave that word out.",
        )
    )


def _uncompiled(error: Exception) -> ChoraleError:
    lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return ChoraleError(
        Diagnostic(
            "R018",
            f"A network could not be compiled: {lines[0][:200]}",
            "Leave compile and graphs out of CHORALE_SPEED, or install a C++ compiler.",
        )
    )
