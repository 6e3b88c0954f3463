"""From a folder of images to a model: looks at the data, plans, trains, tunes and judges.

`sets` lists and splits the images, `survey` measures them, and `choices` makes a plan from the
measures, whose file is `plan`. `settings` turns it into an experiment and a preset. `stages` does
the work, and `marks` keeps what is done, so that a run goes on where an earlier one ended.
"""
