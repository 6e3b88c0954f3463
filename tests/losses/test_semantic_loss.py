"""Semantic loss against Model Garden's, confusion matrix against scikit-learn's."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.losses import segmentation_losses
from sklearn import metrics

from affinity_seg import labels
from affinity_seg.losses import semantic_loss
from affinity_seg.modeling import upsampling

NUM_CLASSES = 4
STRIDE = 4


def sample(height=19, width=22, seed=0):
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, NUM_CLASSES + 1, (2, height, width)).astype(np.float32)
    classes[classes == NUM_CLASSES] = labels.VOID_CLASS
    shape = (2, -(-height // STRIDE), -(-width // STRIDE), NUM_CLASSES)
    return tf.constant(rng.normal(0, 2, shape).astype(np.float32)), classes


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("class_weights", [[], [0.5, 1.0, 2.0, 3.0]])
def test_value_and_gradient_are_model_gardens(step, class_weights):
    logits, classes = sample()
    height, width = -(-19 // step), -(-22 // step)

    def model_gardens(logits):
        loss = segmentation_losses.SegmentationLoss(
            label_smoothing=0.0,
            class_weights=class_weights,
            ignore_label=labels.VOID_CLASS,
            use_groundtruth_dimension=True,
        )
        upsampled = upsampling.upsample_logits(logits, STRIDE // step, height, width)
        upsampled = tf.ensure_shape(upsampled, [2, height, width, NUM_CLASSES])
        return loss(upsampled, tf.constant(classes[:, ::step, ::step, None]))

    def ours(logits):
        return semantic_loss.semantic_loss(
            logits,
            classes,
            output_stride=STRIDE,
            sample_stride=step,
            class_weights=class_weights,
        )

    values, gradients = [], []
    for loss_of in (ours, model_gardens):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = loss_of(logits)
        values.append(loss.numpy())
        gradients.append(tape.gradient(loss, logits).numpy())
    np.testing.assert_allclose(*values, rtol=1e-5)
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-8)


def test_only_the_hardest_pixels_count():
    logits, classes = sample()
    share = 0.25
    upsampled = upsampling.upsample_logits(logits, STRIDE, 19, 22).numpy().astype(np.float64)
    scored = classes != labels.VOID_CLASS
    true = np.where(scored, classes, 0).astype(int)
    losses = np.log(np.exp(upsampled).sum(axis=-1))
    losses -= np.take_along_axis(upsampled, true[..., None], axis=-1)[..., 0]
    found = np.sort(losses[scored])[::-1]
    expected = found[: int(np.ceil(share * len(found)))].sum() / (share * len(found))
    loss = semantic_loss.semantic_loss(
        logits, classes, output_stride=STRIDE, hard_pixel_share=share
    )
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_all_void_gives_zero_loss_and_counts_nothing():
    logits, classes = sample()
    void = np.full_like(classes, labels.VOID_CLASS)
    assert semantic_loss.semantic_loss(logits, void, output_stride=STRIDE).numpy() == 0
    assert not semantic_loss.confusion_matrix(logits, void, output_stride=STRIDE).numpy().any()


def test_parts_add_up_to_the_whole():
    logits, classes = sample()
    normalizer = semantic_loss.scored_pixels(classes)
    parts = [
        semantic_loss.semantic_loss(
            logits[i : i + 1], classes[i : i + 1], output_stride=STRIDE, normalizer=normalizer
        )
        for i in range(2)
    ]
    whole = semantic_loss.semantic_loss(logits, classes, output_stride=STRIDE)
    np.testing.assert_allclose(sum(parts), whole, rtol=1e-6)


def test_confusion_counts_pixels_that_are_not_void():
    logits, classes = sample()
    found = semantic_loss.confusion_matrix(logits, classes, output_stride=STRIDE).numpy()
    predicted = upsampling.upsample_logits(logits, STRIDE, 19, 22).numpy().argmax(axis=-1)
    scored = classes != labels.VOID_CLASS
    expected = metrics.confusion_matrix(
        classes[scored].astype(int), predicted[scored], labels=range(NUM_CLASSES)
    )
    np.testing.assert_array_equal(found, expected)
