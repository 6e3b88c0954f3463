"""Result files on disk and their judges: official Cityscapes AP, COCO AP, Data Science Bowl."""
