"""Results in other formats: picture and JSON, COCO, label maps, benchmark; packed models."""
