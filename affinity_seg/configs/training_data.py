"""Configuration of the data of a training: which records, and how they become crops."""

import dataclasses

from affinity_seg.configs import microscope as microscope_config
from affinity_seg.model_garden import config_definitions as cfg


@dataclasses.dataclass
class DataConfig(cfg.DataConfig):
    """One data set and how its images become crops.

    Attributes:
      input_path: Pattern of the TFRecord files of `affinity_seg prepare`, or a list of
        patterns; files of a pattern that stands there n times are read n times in an epoch.
      replayed_path: Pattern of the TFRecord files of images that are replayed: trained on as well,
        so that a network which knows them does not forget them. Empty: none.
      replayed_share: Share of the crops that are of these images.
      crop_size: [height, width] of what the network gets, pixels; a random window in training,
        the middle in validation.
      scale_min: Smallest zoom; the zoom of each image is drawn between the two.
      scale_max: Largest zoom.
      object_size: Median diameter, in zoomed pixels, that the objects of each image are zoomed to,
        so that the network sees objects of one size, whatever the magnification. The diameter of
        an instance is that of the circle of its area. `scale_min` and `scale_max` are then limits
        of a factor beside this zoom, drawn log-uniformly. 0: they are the limits of the zoom.
      min_zoom: Least zoom by `object_size`. An image without instances is zoomed by the geometric
        mean of the two limits.
      max_zoom: Largest zoom by `object_size`.
      random_flip: Whether training images are mirrored at random.
      random_turn: Whether training crops, which must be square, are turned by 0, 90, 180 or 270
        degrees at random, for images without an up and down.
      object_crops: Share of the training crops that are cut around a pixel of an instance, of a
        class drawn evenly among those in the image; the others are cut anywhere.
      photometric: Strength of random changes of brightness and contrast in training; 0 is off.
      microscope: Changes of training crops for pictures of other microscopes; all off.
    """

    replayed_path: str = ""
    replayed_share: float = 0.0
    crop_size: list[int] = dataclasses.field(default_factory=lambda: [513, 513])
    scale_min: float = 1.0
    scale_max: float = 1.0
    object_size: float = 0.0
    min_zoom: float = 0.25
    max_zoom: float = 4.0
    random_flip: bool = True
    random_turn: bool = False
    object_crops: float = 0.0
    photometric: float = 0.0
    microscope: microscope_config.Microscope = dataclasses.field(
        default_factory=microscope_config.Microscope
    )

    def patterns(self) -> list[str]:
        """Returns the patterns of all TFRecord files that are read."""
        is_one = isinstance(self.input_path, str)
        own = [self.input_path] if is_one else list(self.input_path)
        return own + [self.replayed_path] * bool(self.replayed_path)

    def check(self) -> None:
        """Raises ValueError if a field breaks a rule."""
        if not self.input_path:
            raise ValueError("`input_path` must name the TFRecord files: ''")
        if not 0 <= self.replayed_share < 1:
            raise ValueError(f"`replayed_share` must be in [0, 1): {self.replayed_share}")
        if bool(self.replayed_share) != bool(self.replayed_path):
            raise ValueError(
                "`replayed_share` must be 0 without `replayed_path`, and above 0 with it: "
                f"{self.replayed_share}, {self.replayed_path!r}"
            )
        if self.global_batch_size < 1:
            raise ValueError(f"`global_batch_size` must be positive: {self.global_batch_size}")
        service = {
            name: getattr(self, f"tf_data_service_{name}") for name in ("address", "job_name")
        }
        if self.enable_tf_data_service and not all(service.values()):
            raise ValueError(
                f"`enable_tf_data_service` needs `tf_data_service_address` and "
                f"`tf_data_service_job_name`: {service}"
            )
        if len(self.crop_size) != 2 or min(self.crop_size) < 32:
            raise ValueError(
                f"`crop_size` must be [height, width], each at least 32: {self.crop_size}"
            )
        if self.random_turn and self.crop_size[0] != self.crop_size[1]:
            raise ValueError(f"`random_turn` needs a square `crop_size`: {self.crop_size}")
        if not 0 < self.scale_min <= self.scale_max:
            raise ValueError(
                f"`scale_min` must be positive and at most `scale_max`: "
                f"{self.scale_min}, {self.scale_max}"
            )
        # Asked this way, NaN breaks the rule as well.
        if not self.object_size >= 0:
            raise ValueError(f"`object_size` must not be negative: {self.object_size}")
        if not 0 < self.min_zoom <= self.max_zoom:
            raise ValueError(
                f"`min_zoom` must be positive and at most `max_zoom`: "
                f"{self.min_zoom}, {self.max_zoom}"
            )
        if not 0 <= self.object_crops <= 1:
            raise ValueError(f"`object_crops` must be in [0, 1]: {self.object_crops}")
        if not 0 <= self.photometric < 1:
            raise ValueError(f"`photometric` must be in [0, 1): {self.photometric}")
        self.microscope.check()
