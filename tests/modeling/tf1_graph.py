"""The authors' networks in plain TF1 operations, from the facts of algorithm.md 9 alone.

Neither Keras nor anything of affinity_seg is used here: it is what the importer is held against.
Weights and BatchNorm statistics are random, of a size that keeps 101 layers finite.
"""

import dataclasses

import numpy as np
import tensorflow as tf

tf1 = tf.compat.v1

MEAN = (123.68, 116.779, 103.939)
STRIDES = {8: (2, 1, 1, 1), 16: (2, 2, 1, 1)}
"""Stride of the last unit of each block, by output stride."""

RATES = {8: (1, 1, 2, 4), 16: (1, 1, 1, 2)}
"""Dilation rate of each block, by output stride; in the last block it is multiplied by GRID."""

GRID = (1, 2, 4)


@dataclasses.dataclass(frozen=True)
class Size:
    """Numbers that a test may make smaller than ResNet-101's."""

    units: tuple = (3, 4, 23, 3)
    width: int = 64
    aspp: int = 256


SHORT = Size(units=(2, 2, 3, 3), width=8, aspp=16)
"""The same structure with fewer units and channels."""


def convolve(x, filters, kernel, stride=1, rate=1):
    """A convolution; a strided one is padded by (k-1)/2 on both sides and runs VALID."""
    channels = int(x.shape[-1])
    deviation = (2 / (kernel * kernel * channels)) ** 0.5
    weights = tf1.get_variable(
        "weights",
        [kernel, kernel, channels, filters],
        initializer=tf1.random_normal_initializer(stddev=deviation),
    )
    padding = "SAME"
    if stride > 1:
        before = (kernel - 1) // 2
        x = tf.pad(x, [[0, 0], [before, before], [before, before], [0, 0]])
        padding = "VALID"
    strides = [1, stride, stride, 1]
    return tf1.nn.conv2d(x, weights, strides, padding, dilations=[1, rate, rate, 1])


def normalize(x, gamma):
    """BatchNorm with stored statistics, epsilon 1e-5; `gamma` is the range of the factors."""
    channels = [int(x.shape[-1])]
    uniform = tf1.random_uniform_initializer
    with tf1.variable_scope("BatchNorm"):
        factor = tf1.get_variable("gamma", channels, initializer=uniform(*gamma))
        shift = tf1.get_variable("beta", channels, initializer=uniform(-0.3, 0.3))
        mean = tf1.get_variable("moving_mean", channels, initializer=uniform(-0.3, 0.3))
        variance = tf1.get_variable("moving_variance", channels, initializer=uniform(0.01, 2))
    return (x - mean) / tf.sqrt(variance + 1e-5) * factor + shift


def layer(x, scope, filters, kernel, stride=1, rate=1, gamma=(0.4, 0.8), activated=True):
    with tf1.variable_scope(scope):
        x = normalize(convolve(x, filters, kernel, stride, rate), gamma)
    return tf.nn.relu(x) if activated else x


def bottleneck(x, width, stride, rate):
    """One unit; `stride` is not 1 in the last unit of some blocks."""
    with tf1.variable_scope("bottleneck_v1"):
        if int(x.shape[-1]) == 4 * width:
            shortcut = tf1.nn.max_pool(x, [1, 1, 1, 1], [1, stride, stride, 1], "SAME")
        else:
            assert stride == 1
            shortcut = layer(x, "shortcut", 4 * width, 1, activated=False)
        residual = layer(x, "conv1", width, 1)
        residual = layer(residual, "conv2", width, 3, stride, rate)
        residual = layer(residual, "conv3", 4 * width, 1, gamma=(0.1, 0.3), activated=False)
    return tf.nn.relu(shortcut + residual)


def backbone(image, output_stride, size):
    """From the image RGB 0..255 [B, H, W, 3] to the features of block 4."""
    x = image - tf.constant(MEAN)
    with tf1.variable_scope("resnet_v1_101"):
        x = layer(x, "conv1", size.width, 7, stride=2, gamma=(0.005, 0.01))
        x = tf1.nn.max_pool(x, [1, 3, 3, 1], [1, 2, 2, 1], "SAME")
        for block, units in enumerate(size.units):
            for unit in range(units):
                stride = STRIDES[output_stride][block] if unit == units - 1 else 1
                rate = RATES[output_stride][block] * (GRID[unit] if block == 3 else 1)
                with tf1.variable_scope(f"block{block + 1}/unit_{unit + 1}"):
                    x = bottleneck(x, size.width * 2**block, stride, rate)
    return x


def head(x, kind, output_stride, size):
    """ASPP and logits."""
    suffix, outputs = {"semantic": ("", 9), "affinity": ("_inst", 56)}[kind]
    with tf1.variable_scope(f"deeplab_v3/aspp{suffix}"):
        branches = [layer(x, "conv1", size.aspp, 1)]
        for rate in (6, 12, 18):
            branches.append(
                layer(x, f"conv3_{rate}", size.aspp, 3, rate=rate * 16 // output_stride)
            )
        pooled = layer(tf.reduce_mean(x, [1, 2], keepdims=True), "conv_avg_pool", size.aspp, 1)
        branches.append(pooled + tf.zeros_like(branches[0]))
        x = layer(tf.concat(branches, 3), "conv_concated", size.aspp, 1)
    with tf1.variable_scope(f"deeplab_v3/logits{suffix}"):
        biases = tf1.get_variable(
            "biases", [outputs], initializer=tf1.random_uniform_initializer(-1, 1)
        )
        return convolve(x, outputs, 1) + biases


def imagenet_classes(x):
    """What an ImageNet checkpoint holds beside the backbone."""
    with tf1.variable_scope("resnet_v1_101"):
        tf1.get_variable("mean_rgb", initializer=tf.constant(MEAN), trainable=False)
        with tf1.variable_scope("logits"):
            tf1.get_variable("biases", [1000])
            return convolve(tf.reduce_mean(x, [1, 2], keepdims=True), 1000, 1)


class Network:
    """A TF1 graph with random weights, and its session.

    Args:
      kind: "semantic", "affinity" or "imagenet".
      output_stride: 8 or 16.
      size: Its numbers of units and channels.
      checkpoint: A checkpoint of a network of this kind to load; None for random weights.
    """

    def __init__(self, kind, output_stride, size, checkpoint=None):
        self.kind = kind
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf1.set_random_seed(7)
            self._image = tf1.placeholder(tf.float32, [1, None, None, 3])
            features = backbone(self._image, output_stride, size)
            if kind == "imagenet":
                imagenet_classes(features)
                self._outputs = [features]
            else:
                logits = head(features, kind, output_stride, size)
                self._outputs = [logits, self._upsampled(logits, output_stride)]
            self.names = [v.op.name for v in tf1.global_variables()]
            self._session = tf1.Session()
            if checkpoint is None:
                self._session.run(tf1.global_variables_initializer())
            else:
                tf1.train.Saver().restore(self._session, checkpoint)

    def _upsampled(self, logits, output_stride):
        shape = tf.shape(logits)
        large = tf1.image.resize_bilinear(logits, shape[1:3] * output_stride)
        height, width = tf.unstack(tf.shape(self._image)[1:3])
        return large[:, :height, :width]

    def add_training_state(self):
        """Adds what a training leaves beside the weights: the step, a slot of Momentum."""
        with self.graph.as_default():
            step = tf1.train.get_or_create_global_step()
            name = self.names[0]
            slot = tf1.get_variable(f"{name}/Momentum", initializer=tf.zeros([7, 7, 3, 4]))
            self._session.run(tf1.variables_initializer([step, slot]))

    def save(self, path, version=tf1.train.SaverDef.V2):
        """Writes all variables as a TF1 checkpoint."""
        with self.graph.as_default():
            tf1.train.Saver(write_version=version).save(
                self._session, str(path), write_meta_graph=False
            )
        return str(path)

    def values(self):
        """Returns {name: array} of all variables."""
        with self.graph.as_default():
            variables = tf1.global_variables()
            return {v.op.name: self._session.run(v) for v in variables}

    def run(self, image):
        """Returns the features of "imagenet", else logits before and after upsampling."""
        return self._session.run(self._outputs, {self._image: image.astype(np.float32)})


def save_arrays(path, arrays):
    """Writes arrays as a TF1 checkpoint."""
    with tf.Graph().as_default(), tf1.Session() as session:
        for name, array in arrays.items():
            tf1.get_variable(name, initializer=array)
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver().save(session, str(path), write_meta_graph=False)
    return str(path)
