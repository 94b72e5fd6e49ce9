"""The operations of the kernels as functions that a backend launches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from fastmlp.kernels.operation import OPERATIONS

if TYPE_CHECKING:
    from fastmlp.kernels.cpu import dense, dropout, gather, losses, normalization, optimizers
    from fastmlp.kernels.cpu.products import bfloat16, blas, gemm


class Operations:
    """The operations of fastmlp.kernels by name, launched by one backend.

    Parameters
    ----------
    launch
        Given an Operation and what it is called with, runs it or writes it down.
    """

    def __init__(self, launch: Callable[..., None]):
        for operation in OPERATIONS.values():
            setattr(self, operation.name, partial(launch, operation))

    def __iter__(self) -> Iterator[str]:
        return iter(OPERATIONS)

    # So that an editor follows ``backend.ops.x`` to the kernel, and a checker knows what it takes.
    if TYPE_CHECKING:
        add_bias = staticmethod(dense.add_bias)
        bias_activation = staticmethod(dense.bias_activation)
        activation_forward = staticmethod(dense.activation_forward)
        activation_backward = staticmethod(dense.activation_backward)
        bias_gradient = staticmethod(dense.bias_gradient)
        activation_bias_gradient = dense.activation_bias_gradient
        softmax_forward = staticmethod(dense.softmax_forward)
        softmax_backward = staticmethod(dense.softmax_backward)
        dropout_forward = staticmethod(dropout.dropout_forward)
        dropout_backward = staticmethod(dropout.dropout_backward)
        begin_batch = staticmethod(gather.begin_batch)
        begin_update = staticmethod(gather.begin_update)
        begin_folded_update = staticmethod(gather.begin_folded_update)
        gather_rows = staticmethod(gather.gather_rows)
        gather_scaled_rows = staticmethod(gather.gather_scaled_rows)
        gather_centred_rows = staticmethod(gather.gather_centred_rows)
        gather_elements = staticmethod(gather.gather_elements)
        scatter_rows = staticmethod(gather.scatter_rows)
        softmax_cross_entropy = staticmethod(losses.softmax_cross_entropy)
        softmax_cross_entropy_soft = staticmethod(losses.softmax_cross_entropy_soft)
        elementwise_loss = staticmethod(losses.elementwise_loss)
        accumulate_statistics = staticmethod(losses.accumulate_statistics)
        batch_normalization_forward = staticmethod(normalization.batch_normalization_forward)
        batch_normalization_predict = staticmethod(normalization.batch_normalization_predict)
        batch_normalization_backward = staticmethod(normalization.batch_normalization_backward)
        sgd = staticmethod(optimizers.sgd)
        momentum = staticmethod(optimizers.momentum)
        nesterov = staticmethod(optimizers.nesterov)
        rmsprop = staticmethod(optimizers.rmsprop)
        adagrad = staticmethod(optimizers.adagrad)
        adam = staticmethod(optimizers.adam)
        momentum_step = staticmethod(optimizers.momentum_step)
        add_penalty = staticmethod(optimizers.add_penalty)
        clip_by_value = staticmethod(optimizers.clip_by_value)
        squared_norm = staticmethod(optimizers.squared_norm)
        clip_by_norm = staticmethod(optimizers.clip_by_norm)
        bfloat16_gemm_nn = staticmethod(bfloat16.bfloat16_gemm_nn)
        bfloat16_gemm_nn_by_columns = staticmethod(bfloat16.bfloat16_gemm_nn_by_columns)
        bfloat16_gemm_tn = staticmethod(bfloat16.bfloat16_gemm_tn)
        bfloat16_gemm_tn_momentum = staticmethod(bfloat16.bfloat16_gemm_tn_momentum)
        blas_gemm_nn = staticmethod(blas.blas_gemm_nn)
        blas_gemm_nt = staticmethod(blas.blas_gemm_nt)
        blas_gemm_tn = staticmethod(blas.blas_gemm_tn)
        gemm_nn = staticmethod(gemm.gemm_nn)
        gemm_nn_by_columns = staticmethod(gemm.gemm_nn_by_columns)
        gemm_tn = staticmethod(gemm.gemm_tn)
        gemm_tn_momentum = staticmethod(gemm.gemm_tn_momentum)
        transpose = staticmethod(gemm.transpose)
