"""Runs an exported model in this process."""

import numpy as np
import tensorflow as tf

from affinity_seg import ops
from affinity_seg.instances import Instances
from affinity_seg.serving import saved_model, signatures


class ExportedModel:
    """A SavedModel that `affinity_seg export` wrote.

    It is loaded by TensorFlow and not by Keras, because the SavedModel holds no Keras model.

    Attributes:
      class_table: Its classes.
      config: Its preset.
      ignores_brightness: As of `Segmenter`; False, since the SavedModel does not say.
    """

    ignores_brightness = False

    def __init__(self, folder: str):
        """Loads the op and the model.

        Args:
          folder: Folder of the SavedModel.

        Raises:
          ImportError: The op is built for another TensorFlow.
          FileNotFoundError: The op was never built.
          ValueError: The model was exported without the merge (kind `networks`), or by another
            version of affinity_seg.
        """
        ops.load_library()
        self.class_table = saved_model.read_class_table(folder)
        self.config = saved_model.read_config(folder)
        try:
            self._model = tf.saved_model.load(folder)
        except LookupError as error:  # The op had other inputs or outputs then.
            raise ValueError(
                f"{folder}: the model was exported by another version of affinity_seg, export it "
                "again"
            ) from error
        self._function = self._model.signatures["serving_default"]
        if "instance_ids" not in self._function.structured_outputs:
            raise ValueError(
                f"{folder}: the exported model must be of kind 'instances', it gives "
                f"{sorted(self._function.structured_outputs)}"
            )

    def segment(self, image: np.ndarray) -> Instances:
        """Returns the instances of an image in NumPy; without votes, which the model omits.

        Args:
          image: uint8 [H, W, C], with the channels of the networks.

        Raises:
          tf.errors.OpError: The model cannot process the image.
        """
        found = self._function(**{signatures.IMAGES: tf.constant(image[None])})
        named = {name: found[name][0].numpy() for name in Instances._fields if name in found}
        return Instances(**named, class_table=self.class_table)
