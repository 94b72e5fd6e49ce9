"""The backward of each layer and loss as one writes it on paper, in the notation of the code.

x is a layer's input, z its pre-activation, a or y its output; d before a name is the derivative of
the loss L with respect to it. docs/backpropagation.md derives each of them.
"""

from __future__ import annotations

from fastmlp.nn.activations import Activation
from fastmlp.nn.layers import ActivationLayer, BatchNormalization, Dense, Dropout, Layer
from fastmlp.nn.losses import Loss

# f′ from the output a wherever that is possible, else from the input z.
ACTIVATION_DERIVATIVES = {
    "relu": "1 where a > 0, else 0",
    "leaky_relu": "1 where a > 0, else {parameter:g}",
    "elu": "1 where a ≥ 0, else a + {parameter:g}",
    "selu": "λ where a ≥ 0, else a + λ·α",
    "sigmoid": "a·(1 − a)",
    "tanh": "1 − a²",
    "softplus": "1 − exp(−a)",
    "signed_log": "exp(−|a|)",
    "gelu": "Φ(z) + z·φ(z)",
    "silu": "s·(1 + z·(1 − s)) with s = σ(z)",
    "mish": "t + z·σ(z)·(1 − t²) with t = tanh(softplus(z))",
}
# The derivative of one row's loss with respect to its outputs, before the row's weight and the mean
# over m rows.
LOSS_DERIVATIVES = {
    "softmax_cross_entropy": "p − t with p = softmax(z)",
    "log_loss": "σ(z) − t",
    "mse": "2·(y − t)/k over k outputs",
    "mae": "sign(y − t)/k over k outputs",
    "huber": "(y − t)/k, held between −{parameter:g}/k and {parameter:g}/k, over k outputs",
}
FROM_LOGITS = ("softmax_cross_entropy", "log_loss")
PENALTY = "dW ← dW + l2·W + l1·sign(W), on what decays"


def activation_formula(activation: Activation) -> str:
    """Return how dz comes from da."""
    if activation.name == "identity":
        return "dz = da"
    if activation.name == "softmax":
        return "dz = a ⊙ (da − Σ a·da), the sum over each row"
    derivative = ACTIVATION_DERIVATIVES[activation.name].format(parameter=activation.parameter)
    return f"dz = da ⊙ f′, f′ = {derivative}"


def layer_formulas(layer: Layer) -> list[str]:
    """Return the lines of a layer's backward."""
    match layer:
        case Dense():
            first = [activation_formula(layer.activation)] if layer.bias else ["dz = da"]
            bias = ["db = Σ dz over the rows"] if layer.bias else []
            return [*first, ", ".join(["dW = xᵀ·dz", *bias, "dx = dz·Wᵀ"])]
        case ActivationLayer():
            return [activation_formula(layer.activation).replace("dz", "dx").replace("z", "x")]
        case BatchNormalization():
            return [
                "dγ = Σ dy·x̂, dβ = Σ dy over the m rows",
                "dx = γ/√(σ² + ε) · (dy − dβ/m − x̂·dγ/m)",
            ]
        case Dropout():
            return ["dx = dy ⊙ mask/keep, with the mask of the forward pass"]
    raise TypeError(f"no formula for {type(layer).__name__}")


def loss_formula(loss: Loss) -> str:
    """Return how the derivative with respect to the outputs of a batch of m rows with weights w
    comes about.
    """
    derivative = LOSS_DERIVATIVES[loss.name].format(parameter=getattr(loss, "parameter", 0.0))
    factor = "w/m" if loss.reduction == "mean" else "w"
    return f"{'dz' if loss.name in FROM_LOGITS else 'dy'} = {factor} · ℓ′, ℓ′ = {derivative}"
