"""Every dictionary key and TFRecord feature name that more than one module uses."""

# Features of a data set's TFRecords, one example per image.
IMAGE_ENCODED = "image/encoded"  # bytes: PNG tiles, row after row; or the JPEG file
IMAGE_FORMAT = "image/format"  # bytes: b"png" or b"jpeg"
IMAGE_FILENAME = (
    "image/filename"  # bytes: path relative to the data set's image folder, '/' separated
)
IMAGE_HEIGHT = "image/height"  # int64, pixels
IMAGE_WIDTH = "image/width"  # int64, pixels
IMAGE_SHA256 = "image/key/sha256"  # bytes: hash of the image file, hexadecimal
IMAGE_HISTOGRAM = "image/histogram"  # int64 [256] or, not RGB, [C * 256]: tiles.histograms
TILE_HEIGHT = "image/tile/height"  # int64, pixels
TILE_WIDTH = "image/tile/width"  # int64, pixels
INSTANCE_ENCODED = "image/segmentation/instance/encoded"  # bytes: PNG tiles of 16 bits
INSTANCE_VALUES = "image/segmentation/instance/values"  # int64 [V]: values on disk, ascending
# int64 [rows of tiles * V]: pixels of each value in each row of tiles
INSTANCE_COUNTS = "image/segmentation/instance/counts"

# Keys of the dictionaries that the input pipeline hands to a task.
LABEL_CLASSES = "classes"  # float32 [B, H, W]; labels.VOID_CLASS where void
LABEL_INSTANCES = "instances"  # float32 [B, H, W]; labels.VOID_INSTANCE where void or group
