"""Every dictionary key and TFRecord feature name that more than one module uses."""

# Features of a data set's TFRecords, one example per image.
IMAGE_ENCODED = "image/encoded"  # bytes: the image file, PNG, JPEG or BMP
IMAGE_FORMAT = "image/format"  # bytes: b"png", b"jpeg" or b"bmp"
IMAGE_FILENAME = (
    "image/filename"  # bytes: path relative to the data set's image folder, '/' separated
)
IMAGE_HEIGHT = "image/height"  # int64, pixels
IMAGE_WIDTH = "image/width"  # int64, pixels
INSTANCE_ENCODED = "image/segmentation/instance/encoded"  # bytes: 16-bit PNG as on disk

# Keys of the dictionaries that the input pipeline hands to a task.
LABEL_CLASSES = "classes"  # float32 [B, H, W]; labels.VOID_CLASS where void
LABEL_INSTANCES = "instances"  # float32 [B, H, W]; labels.VOID_INSTANCE where void or group
