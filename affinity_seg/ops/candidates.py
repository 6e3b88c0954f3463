"""Further classes that an instance may have, by the votes of its pixels (algorithm.md 6)."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Candidates(NamedTuple):
    """Classes of masks; those of one mask stand together, the surest first.

    Attributes:
      mask_ids: int32 [M], id of the mask, 1..N, ascending.
      classes: int32 [M], class index, 1..K-1.
      scores: float32 [M].
    """

    mask_ids: "tf.Tensor"
    classes: "tf.Tensor"
    scores: "tf.Tensor"


def class_candidates(classes, scores, votes, vote_min_ratio: float | None) -> Candidates:
    """Lists each instance once for its class, and once more for each other class with many votes.

    Runs eagerly and in a graph.

    Args:
      classes: int32 [N], class index of each instance, the one with the most votes.
      scores: float32 [N].
      votes: int64 [N, K], pixels that voted for each class.
      vote_min_ratio: Least share of the winner's votes, in (0, 1], that makes a class another
        candidate of the mask; its score is multiplied by the share. None: no further candidates.

    Returns:
      The candidates, at least one for each instance.

    Raises:
      ValueError: `vote_min_ratio` is out of range.
    """
    import tensorflow as tf

    if vote_min_ratio is not None and not 0 < vote_min_ratio <= 1:
        raise ValueError(f"`vote_min_ratio` must be None or in (0, 1]: {vote_min_ratio}")
    classes, scores = tf.cast(classes, tf.int32), tf.cast(scores, tf.float32)
    if vote_min_ratio is None:
        return Candidates(tf.range(1, tf.size(classes) + 1), classes, scores)
    votes = tf.cast(votes, tf.float64)
    is_winner = tf.one_hot(classes, tf.shape(votes)[1], on_value=True, off_value=False)
    most = tf.gather(votes, classes[:, None], batch_dims=1)
    # An instance without votes has its class by the sum of probabilities, and no other.
    shares = tf.where(is_winner, tf.ones_like(votes), tf.math.divide_no_nan(votes, most))
    order = tf.argsort(
        tf.where(is_winner, tf.constant(2, votes.dtype), shares),
        direction="DESCENDING",
        stable=True,
    )
    shares = tf.gather(shares, order, batch_dims=1)
    listed = tf.where(shares >= vote_min_ratio)
    instances = listed[:, 0]
    return Candidates(
        mask_ids=tf.cast(instances + 1, tf.int32),
        classes=tf.cast(tf.gather_nd(order, listed), tf.int32),
        scores=tf.cast(
            tf.cast(tf.gather(scores, instances), tf.float64) * tf.gather_nd(shares, listed),
            tf.float32,
        ),
    )
