"""Training halves its products only where the processor does not have to emulate that."""

import pytest
import torch

from training.precision import halved


@pytest.mark.parametrize("native", ["", "avx512_bf16", "amx_bf16"])
def test_products_are_halved_where_the_processor_has_instructions(
    monkeypatch: pytest.MonkeyPatch, native: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, native: True})
    one = torch.ones(2, 2)
    with halved("cpu"):
        assert (one @ one).dtype == (torch.bfloat16 if native else torch.float32)
    with halved("cpu", wanted=False):
        assert (one @ one).dtype == torch.float32
