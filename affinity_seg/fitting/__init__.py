"""From a folder of images to a model: looks at the data, plans, trains, tunes and judges.

`sets` lists and splits the images, `survey` measures them, `choices` makes the plan from the
measures, `plan` is its file, `settings` turns it into an experiment and a preset, and `stages`
does the work and goes on where an earlier run ended.
"""
