"""Finds out in which form a data set has its truth, and lists it by the name of the image."""

import os
from typing import NamedTuple

from affinity_seg import names
from affinity_seg.data import image_names, mistakes, unlisted

FORMS = ("instances", "masks", "coco", "labelme", "geojson", "imagej")
INSTANCES, MASKS, COCO, LABELME, GEOJSON, IMAGEJ = FORMS
"""Forms of truth.

`instances`: an image of the objects' numbers for each image; layout `cityscapes` has it as well.
`masks`: a folder for each image, with a binary mask for each object.
`coco`: a JSON file of COCO for all images.
`labelme`: a JSON file of LabelMe for each image.
`geojson`: a GeoJSON file of QuPath for each image.
`imagej`: a zip of ImageJ's regions of interest for each image.
"""

WITHOUT_CLASSES = (INSTANCES, MASKS, IMAGEJ)
"""Those that name no classes."""

NUMBER_SUFFIXES = (".png", ".tif", ".tiff")
"""Extensions of files that keep numbers as they are, in lower case."""

REGION_SUFFIX = ".roi"
"""Extension of a single region of ImageJ, also in a zip."""

_WORDS = {
    INSTANCES: ("instance image", "instance images"),
    MASKS: ("folder of masks", "folders of masks"),
    COCO: ("entry of the COCO file", "entries of the COCO file"),
    LABELME: ("LabelMe file", "LabelMe files"),
    GEOJSON: ("GeoJSON file", "GeoJSON files"),
    IMAGEJ: ("zip of ImageJ's regions", "zips of ImageJ's regions"),
}

PLACES = (
    "instances/<name>.png or .tif, also <name>_labels or _masks; masks/<name>/*.png or "
    "<name>/masks/*.png; one COCO file instances*.json or annotations*.json; "
    "images/<name>.json of LabelMe; "
    "geojson/<name>.geojson or _annotations.geojson of QuPath; "
    "rois/<name>_rois.zip, .zip or .roi of ImageJ"
)
"""Where truth may lie in a folder, for messages."""

_JSON = ".json"
# `segment` and Cellpose write <name>_labels.tif and <name>_cp_masks.png.
_KINDS_OF_NUMBERS = ("", "_labels", "_masks", "_cp_masks")
_SUFFIXES = {
    INSTANCES: tuple(kind + suffix for kind in _KINDS_OF_NUMBERS for suffix in NUMBER_SUFFIXES),
    LABELME: (_JSON,),
    GEOJSON: (".geojson", "_annotations.geojson"),
    # ImageJ stores a single region alone.
    IMAGEJ: ("_rois.zip", ".zip", REGION_SUFFIX),
}
"""What follows the name of an image in the name of its truth; `segment` names files so as well."""

_COCO_STARTS = ("instances", "annotations", "_annotations")
_COCO_FOLDER = "annotations"
_LABELME_FOLDERS = ("images", "labelme")


class Truths(NamedTuple):
    """The truth of a data set.

    Attributes:
      form: One of `FORMS`.
      folder: Where it lies; of form `coco` the file.
      paths: Its files or folders by the name of the image; of form `coco` by its file, and all are
        the same.
      suffix: What follows the image's name in the name of its file or folder.
    """

    form: str
    folder: str
    paths: dict[str, str]
    suffix: str

    def key(self, name: str, filename: str) -> str:
        """Returns the key of an image in `paths`, from its name and its file."""
        return names.normalized(filename) if self.form == COCO else name

    def expected(self, filename: str) -> str | None:
        """Returns where the truth of an image should be; None of a COCO file."""
        first, _, rest = filename.partition("/")
        stem = first if rest else image_names.key_of(first)
        return None if self.form == COCO else os.path.join(self.folder, stem + self.suffix)

    def counted(self, count: int) -> str:
        """Returns a number of truths in words."""
        return mistakes.counted(count, *_WORDS[self.form])

    @property
    def word(self) -> str:
        """What the truth of one image is called."""
        return _WORDS[self.form][0]


def find(data_dir: str) -> Truths:
    """Lists the truth of a folder; `instances` if there is none.

    Raises:
      ValueError: There are several forms of truth, a folder of masks holds files, a COCO file is
        damaged, or two truths have the same name.
    """
    found = {
        INSTANCES: _folder(data_dir, "instances"),
        MASKS: _folder(data_dir, "masks") or _scenes_folder(data_dir),
        COCO: _coco_file(data_dir),
        LABELME: _labelme_folder(data_dir),
        GEOJSON: _folder_with(data_dir, "geojson", GEOJSON),
        IMAGEJ: _folder_with(data_dir, "rois", IMAGEJ),
    }
    there = {form: place for form, place in found.items() if place is not None}
    if len(there) > 1:
        listed = " and ".join(f"{place} ({_WORDS[form][1]})" for form, place in there.items())
        raise ValueError(f"{data_dir}: must have one form of truth: {listed}; take the others out")
    if not there:
        return Truths(INSTANCES, os.path.join(data_dir, "instances"), {}, ".png")
    ((form, place),) = there.items()
    if form == COCO:
        return _coco(place)
    if form == MASKS:
        return _scenes(data_dir) if place == data_dir else _mask_folders(place)
    suffixes = _SUFFIXES[form]
    return Truths(form, place, by_name([place], suffixes), suffixes[0])


def scenes(data_dir: str) -> list[str]:
    """Returns the folders <name> with <name>/images of the Data Science Bowl, sorted."""
    if not os.path.isdir(data_dir) or os.path.isdir(os.path.join(data_dir, "images")):
        return []
    return [
        name for name in visible(data_dir) if os.path.isdir(os.path.join(data_dir, name, "images"))
    ]


def by_name(folders: list[str], suffixes: tuple[str, ...]) -> dict[str, str]:
    """Returns the files in some folders by the name of their image, which `suffixes` follow.

    Raises:
      ValueError: Two have the same name.
    """
    found: dict[str, str] = {}
    for path in (os.path.join(folder, file) for folder in folders for file in visible(folder)):
        suffix = max((s for s in suffixes if path.lower().endswith(s.lower())), key=len, default="")
        if suffix and not os.path.isdir(path):
            _add(found, os.path.basename(path)[: -len(suffix)], path)
    return found


def visible(folder: str) -> list[str]:
    """Returns the names in a folder without hidden ones, sorted; empty if there is no folder."""
    found = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(file for file in found if not unlisted.is_hidden(file))


def _add(found: dict[str, str], name: str, path: str) -> None:
    name = image_names.without_ome(names.normalized(name))
    if name in found:
        raise ValueError(
            f"names of the truth of images must differ: {names.escaped(found[name])} and "
            f"{names.escaped(path)}"
        )
    found[name] = path


def _folder(data_dir: str, name: str) -> str | None:
    path = os.path.join(data_dir, name)
    return path if os.path.isdir(path) else None


def _folder_with(data_dir: str, name: str, form: str) -> str | None:
    """Returns a folder if it has files of a form of truth; others may have a folder so named."""
    path = os.path.join(data_dir, name)
    has_some = any(file.lower().endswith(_SUFFIXES[form]) for file in visible(path))
    return path if has_some else None


def _scenes_folder(data_dir: str) -> str | None:
    has_masks = any(
        os.path.isdir(os.path.join(data_dir, name, "masks")) for name in scenes(data_dir)
    )
    return data_dir if has_masks else None


def _coco_file(data_dir: str) -> str | None:
    found = [
        os.path.join(folder, file)
        for folder in (data_dir, os.path.join(data_dir, _COCO_FOLDER))
        for file in visible(folder)
        if file.lower().endswith(_JSON) and file.startswith(_COCO_STARTS)
    ]
    if len(found) > 1:
        raise ValueError(
            f"{data_dir}: must have one COCO file: {', '.join(found)}; take the others out"
        )
    return found[0] if found else None


def _labelme_folder(data_dir: str) -> str | None:
    found = [
        os.path.join(data_dir, name)
        for name in _LABELME_FOLDERS
        if any(file.lower().endswith(_JSON) for file in visible(os.path.join(data_dir, name)))
    ]
    if len(found) > 1:
        raise ValueError(
            f"{data_dir}: must have one folder of LabelMe files: {', '.join(found)}; take the "
            "other files out"
        )
    return found[0] if found else None


def _coco(path: str) -> Truths:
    from affinity_seg.data import coco_files  # Late: few programs need pycocotools.

    return Truths(COCO, path, dict.fromkeys(coco_files.load(path).images, path), "")


def _mask_folders(folder: str) -> Truths:
    found: dict[str, str] = {}
    for name in visible(folder):
        path = os.path.join(folder, name)
        if not os.path.isdir(path):
            raise ValueError(
                f"{path}: {folder} must hold a folder for each image, named like it, with a mask "
                "for each object; if the files number the objects, rename the folder to instances"
            )
        _add(found, name, path)
    return Truths(MASKS, folder, found, "")


def _scenes(data_dir: str) -> Truths:
    found: dict[str, str] = {}
    for scene in visible(data_dir):
        path = os.path.join(data_dir, scene, "masks")
        # Without an image the masks are told by the name of the folder.
        for file in visible(os.path.join(data_dir, scene, "images")) or [scene]:
            if os.path.isdir(path):
                _add(found, os.path.splitext(file)[0], path)
    return Truths(MASKS, data_dir, found, os.sep + "masks")
