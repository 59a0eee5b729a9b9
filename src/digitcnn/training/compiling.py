"""From a network's plan to a compiled Keras network."""

import keras

from digitcnn.backend.build import build
from digitcnn.backend.cache import CompiledNetwork
from digitcnn.backend.optimizers import compile_model, floats_of_32_bits, make_optimizer
from digitcnn.backend.own_models import answers_in_logits
from digitcnn.backend.runtime import configure_backend
from digitcnn.backend.steps import has_processor_steps
from digitcnn.training.network_plan import NetworkPlan


def build_model(plan: NetworkPlan) -> keras.Model:
    """Build the Keras model of a plan, not compiled."""
    configure_backend()
    model: keras.Model = build(**plan.build_options())
    return model


def compile_network(plan: NetworkPlan, model: keras.Model, scales_loss: bool) -> CompiledNetwork:
    """Compile a plan's model.

    Parameters
    ----------
    plan : NetworkPlan
    model : keras.Model
        From `build_model`.
    scales_loss : bool
        Whether a user's model computes in float16, in which small gradients underflow.
    """
    is_logits = plan.is_own and answers_in_logits(model, plan.image_shape)
    with floats_of_32_bits():
        optimizer = make_optimizer(
            plan.optimizer, learning_rate=plan.learning_rate, weight_decay=plan.weight_decay
        )
        if scales_loss and not hasattr(optimizer, "inner_optimizer"):
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        compile_model(
            model,
            optimizer,
            label_smoothing=plan.label_smoothing,
            is_logits=is_logits,
            # XLA makes convolutions on the CPU several times slower.
            jit_compile=False if has_processor_steps(plan.device) else "auto",
            auto_scale_loss=False,
        )
        return CompiledNetwork(model, plan.device, is_own=plan.is_own, is_logits=is_logits)
