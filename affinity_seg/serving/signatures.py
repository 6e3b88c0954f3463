"""Signatures of the exported models (docs/serving.md)."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from affinity_seg import common
from affinity_seg.data import graph_pictures, tf_examples
from affinity_seg.modeling.inputs import RGB
from affinity_seg.pipeline.segmenter import Segmenter, view

IMAGES = "images"
IMAGE_BYTES = "image_bytes"
EXAMPLES = "examples"
"""Names of the inputs."""

COMPACT = "image_bytes_compact"
"""The signature with the smallest outputs."""

_WARMUP_SIZE = 192, 256

_PNG_IDS = 2**16 - 1
"""Largest instance id that fits a PNG of 16 bits."""

_FIRST = ("image", 0, "of the batch,")
"""Name for messages of an image in a batch of equal sizes."""

_LOGITS = ("semantic_logits", "affinity_logits")

_LISTS = ("classes", "scores", "sizes", "boxes")


class InstanceServer(tf.Module):
    """The whole pipeline: images in, instances out."""

    def __init__(self, segmenter: Segmenter):
        super().__init__()
        self._segmenter = segmenter
        self.of_images = _of_images(self._of_images, segmenter)
        if segmenter.num_channels == RGB:
            self.of_files = _of_strings(self._of_files, IMAGE_BYTES)
            self.of_files_compact = _of_strings(self._of_files_compact, IMAGE_BYTES)
            self.of_examples = _of_strings(self._of_examples, EXAMPLES)

    def signatures(self) -> dict[str, Callable]:
        """Returns the functions by the names of their signatures.

        `serving_default` takes `images` uint8 [B, H, W, C]. If C is not 3, it is the only one,
        because the others take files of RGB. `image_bytes` and
        `image_bytes_compact` take `image_bytes` string [B], PNG, JPEG or BMP files, turned by their
        EXIF orientation. `tf_example` takes `examples` string [B], serialized `tf.train.Example`s
        with such a file as `image/encoded`. The outputs, with N the largest number of instances in
        the batch and lists padded with zeros:

          num_instances int32 [B]
          instance_ids int32 [B, H, W], 0 on background; smaller images are padded with zeros;
            not in `image_bytes_compact`, which is for responses in JSON
          instance_ids_png_bytes string [B], the same as PNG of 16 bits in the image's own size;
            empty if ids are larger. The suffix `_bytes` makes REST encode it in base 64.
          image_sizes int32 [B, 2], height and width, pixels
          classes int32 [B, N], class index in the class table
          scores float32 [B, N]
          sizes int64 [B, N], pixels
          boxes int32 [B, N, 4], (y0, x0, y1, x1), ends exclusive, pixels
        """
        functions = {"serving_default": self.of_images}
        if self._segmenter.num_channels == RGB:
            functions |= {
                "image_bytes": self.of_files,
                COMPACT: self.of_files_compact,
                "tf_example": self.of_examples,
            }
        return functions

    def _of_images(self, images):
        size = tf.shape(images)[1:3]
        with tf.control_dependencies([graph_pictures.check_size(size, _FIRST)]):
            images = tf.identity(images)
        sizes = tf.tile(size[None], [tf.shape(images)[0], 1])
        return self._answer(sizes, lambda i: images[i])

    def _of_files_compact(self, image_bytes):
        answer = self._of_files(image_bytes)
        del answer["instance_ids"]
        return answer

    def _of_examples(self, examples):
        features = {common.IMAGE_ENCODED: tf.io.FixedLenFeature([], tf.string)}
        return self._of_files(tf.io.parse_example(examples, features)[common.IMAGE_ENCODED])

    def _of_files(self, contents: tf.Tensor) -> dict[str, tf.Tensor]:
        contents = _not_empty(contents)
        images = tf.TensorArray(
            tf.uint8, tf.shape(contents)[0], infer_shape=False, element_shape=[None, None, 3]
        )
        sizes = tf.zeros([0, 2], tf.int32)
        for i in tf.range(tf.shape(contents)[0]):
            tf.autograph.experimental.set_loop_options(
                parallel_iterations=1, shape_invariants=[(sizes, tf.TensorShape([None, 2]))]
            )
            image = graph_pictures.decode(contents[i], ["image", i, "of the batch,"])
            images = images.write(i, image)
            sizes = tf.concat([sizes, tf.shape(image)[None, :2]], axis=0)
        return self._answer(sizes, images.read)

    def _answer(
        self, sizes: tf.Tensor, image_at: Callable[[tf.Tensor], tf.Tensor]
    ) -> dict[str, tf.Tensor]:
        """Segments the images one after the other; they have `sizes`, int32 [B, 2]."""
        sizes = _not_empty(sizes)
        count = tf.shape(sizes)[0]
        largest = tf.reduce_max(sizes, axis=0)
        shapes = {"classes": [None], "scores": [None], "sizes": [None], "boxes": [None, 4]}
        dtypes = {"classes": tf.int32, "scores": tf.float32, "sizes": tf.int64, "boxes": tf.int32}
        lists = [
            tf.TensorArray(dtypes[name], count, infer_shape=False, element_shape=shapes[name])
            for name in _LISTS
        ]
        ids = tf.TensorArray(tf.int32, count, infer_shape=False, element_shape=[None, None])
        encoded = tf.TensorArray(tf.string, count, element_shape=[])
        numbers = tf.TensorArray(tf.int32, count, element_shape=[])
        for i in tf.range(count):
            tf.autograph.experimental.set_loop_options(parallel_iterations=1)
            found = self._segmenter.segment(image_at(i))
            own = found.instance_ids
            margin = largest - sizes[i]
            ids = ids.write(i, tf.pad(own, [[0, margin[0]], [0, margin[1]]]))
            number = tf.size(found.classes)
            numbers = numbers.write(i, number)
            encoded = encoded.write(i, _as_png(own, number))
            found_lists = (getattr(found, name) for name in _LISTS)
            lists = [a.write(i, own) for a, own in zip(lists, found_lists, strict=True)]
        num_instances = numbers.stack()
        answer = {
            name: tf.RaggedTensor.from_row_lengths(array.concat(), num_instances).to_tensor()
            for array, name in zip(lists, _LISTS, strict=True)
        }
        return {
            **answer,
            "num_instances": num_instances,
            "instance_ids": ids.stack(),
            "instance_ids_png_bytes": encoded.stack(),
            "image_sizes": sizes,
        }


def _not_empty(batch: tf.Tensor) -> tf.Tensor:
    """Returns `batch`, which must hold at least one image."""
    count = tf.shape(batch)[0]
    given = tf.debugging.Assert(count > 0, ["the batch must hold at least one image:", count])
    with tf.control_dependencies([given]):
        return tf.identity(batch)


def _as_png(ids: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Returns ids int32 [H, W] as PNG of 16 bits; "" if there are too many for 16 bits."""
    return tf.cond(
        number <= _PNG_IDS,
        lambda: tf.io.encode_png(tf.cast(ids[..., None], tf.uint16)),
        lambda: tf.constant(b""),
    )


def _of_images(function: Callable, segmenter: Segmenter) -> Callable:
    """Returns a function of images as a `tf.function` for those of the networks."""
    shape = [None, None, None, segmenter.num_channels]
    return tf.function(function, input_signature=[tf.TensorSpec(shape, tf.uint8, IMAGES)])


def _of_strings(function: Callable, name: str) -> Callable:
    """Returns a function of strings as a `tf.function` with this name of its input."""
    return tf.function(function, input_signature=[tf.TensorSpec([None], tf.string, name)])


def warmup_inputs(num_channels: int) -> dict[str, tuple[str, Any]]:
    """Returns for each signature the name of its input, and a small batch of one image for it."""
    # A bright box on a dark ground, so that there may be an instance.
    image = tf.pad(
        tf.fill(
            [_WARMUP_SIZE[0] // 2, _WARMUP_SIZE[1] // 2, num_channels], tf.constant(200, tf.uint8)
        ),
        [[side // 4, side - side // 2 - side // 4] for side in _WARMUP_SIZE] + [[0, 0]],
    )
    if num_channels != RGB:
        return {"serving_default": (IMAGES, image[None])}
    content = tf.io.encode_png(image).numpy()
    example = tf_examples.serialize({common.IMAGE_ENCODED: tf_examples.of_bytes(content)})
    return {
        "serving_default": (IMAGES, image[None]),
        "image_bytes": (IMAGE_BYTES, [content]),
        COMPACT: (IMAGE_BYTES, [content]),
        "tf_example": (EXAMPLES, [example]),
    }


class NetworkServer(tf.Module):
    """The networks only: images in, logits out, for servers without the op."""

    def __init__(self, segmenter: Segmenter):
        super().__init__()
        self._segmenter = segmenter
        self.of_images = _of_images(self._of_images, segmenter)

    def signatures(self) -> dict[str, Callable]:
        """Returns the function by the name of its signature.

        `serving_default` takes `images` uint8 [B, H, W, C] and gives `semantic_logits` and
        `affinity_logits`, float32 [B, F, h, w, C], of the whole image, unzoomed; if F is 2, the
        second are of the mirrored image. Each is an input of `ops.graph_merge_from_logits`.
        """
        return {"serving_default": self.of_images}

    def _of_images(self, images):
        segmenter, found = self._segmenter, []
        size = tf.shape(images)[1:3]
        with tf.control_dependencies([graph_pictures.check_size(size, _FIRST)]):
            images = tf.identity(images)
        for network in segmenter.networks:
            logits = []
            for mirrored in segmenter.flips(network):
                views = tf.map_fn(
                    lambda image, network=network, mirrored=mirrored: view(
                        network, network.stretch_contrast(image), size, mirrored
                    ),
                    images,
                    fn_output_signature=tf.TensorSpec(
                        [None, None, segmenter.num_channels], tf.float32
                    ),
                )
                logits.append(segmenter.run(network, views))
            found.append(tf.stack(logits))
        return {
            name: tf.stack(tf.unstack(views), axis=1)
            for name, views in zip(_LOGITS, segmenter.split(found), strict=True)
        }
