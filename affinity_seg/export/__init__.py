"""Results as others read them: picture and JSON, COCO, label maps, Cityscapes benchmark."""
