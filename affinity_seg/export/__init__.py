"""Results in the formats of other programs: COCO, label maps, the Cityscapes benchmark."""
