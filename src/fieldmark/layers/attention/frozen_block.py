"""Make a transformer block linear in its tokens by holding its attention, norms and activations constant.

Gradient times token then adds up: a block without biases returns exactly the sum over its tokens.

Source: Ali, Schnake, Eberle, Montavon, Müller, Wolf, "XAI for transformers: better explanations through conservative
propagation" (ICML 2022), for attention and layer norm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from fieldmark.layers.unit_length import factors_are_constant, with_factors

__all__ = ["held_constant"]


@contextmanager
def held_constant(block: nn.Module, norms: Sequence[nn.Module] = ()) -> Iterator[None]:
    """Inside `constant_factors`, hold constant what is not linear in a block of timm and in further layer norms.

    Values do not change, only gradients. Outside of `constant_factors` nothing changes.
    """
    hooks = []
    if factors_are_constant():
        for module in [*block.modules(), *(each for norm in norms for each in norm.modules())]:
            if isinstance(module, nn.LayerNorm):
                hooks.append(module.register_forward_hook(_centred_and_scaled))
            elif isinstance(module, nn.GELU | nn.SiLU | nn.ReLU):
                hooks.append(module.register_forward_hook(_scaled))
        attention = block.attn
        hooks += [getattr(attention, name).register_forward_hook(_constant) for name in ("q_norm", "k_norm")]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _centred_and_scaled(layer: nn.LayerNorm, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    """Return the output as centred input times a constant, plus the bias."""
    (values,) = inputs
    centred = values - values.mean(-1, keepdim=True)
    bias = 0.0 if layer.bias is None else layer.bias
    return with_factors(centred, output - bias) + bias


def _scaled(_layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    return with_factors(inputs[0], output)


def _constant(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
    return output.detach()
