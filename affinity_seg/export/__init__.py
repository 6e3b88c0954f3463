"""Results in other formats: picture and JSON, COCO, label maps, Cityscapes benchmark."""
