"""The logits of an image: output of the networks and input of the merge."""

from typing import Any, NamedTuple

from affinity_seg.pipeline.regions import Region


class RegionPrediction(NamedTuple):
    """The logits of one region. Tensors inside a graph, NumPy arrays outside.

    F is 2 with flips, the second of the mirrored region, else 1. Logit maps are cut to what
    upsampling to the zoomed size reads.

    Attributes:
      region: The region.
      zoomed_size: Height and width of the region as the networks saw it, without padding.
      semantic_logits: float16 or float32 [F, h, w, K].
      affinity_logits: float16 or float32 [F, h, w, 8 * D].
    """

    region: Region
    zoomed_size: Any
    semantic_logits: Any
    affinity_logits: Any


class ImagePrediction(NamedTuple):
    """The logits of one image, NumPy arrays.

    Attributes:
      height: Height of the image, pixels.
      width: Width of the image, pixels.
      semantic_stride: Pixels per semantic logit.
      affinity_stride: Pixels per affinity logit.
      distances: Distances of the affinity channels, pixels.
      semantic_logits: float16 or float32 [F, h, w, K], of the full image.
      regions: The regions of interest, in their order.
    """

    height: int
    width: int
    semantic_stride: int
    affinity_stride: int
    distances: tuple[int, ...]
    semantic_logits: Any
    regions: list[RegionPrediction]

    def select_views(self, semantic_flip: bool, affinity_flip: bool) -> "ImagePrediction":
        """Returns the prediction with or without the logits of the mirrored views.

        Args:
          semantic_flip: Whether those of the semantic network are kept, if there are any.
          affinity_flip: Likewise of the affinity network.
        """
        return self._replace(
            semantic_logits=select_views(self.semantic_logits, semantic_flip),
            regions=[
                region._replace(
                    semantic_logits=select_views(region.semantic_logits, semantic_flip),
                    affinity_logits=select_views(region.affinity_logits, affinity_flip),
                )
                for region in self.regions
            ],
        )


def select_views(logits: Any, flip: bool) -> Any:
    """Returns logits [F, ...] as they are, or without `flip` those of the first view [1, ...]."""
    return logits if flip else logits[:1]
