"""Result files on disk and their metrics: official Cityscapes AP, COCO AP, Data Science Bowl."""
