"""A table of tags for recipes/tagging.yaml: which kinds of cells each picture of BCCD shows.

    python tools/peers/bccd_tags.py FOLDER > bccd.csv
    lamina train recipes/tagging.yaml --set data.root=bccd.csv

FOLDER holds Annotations, ImageSets and JPEGImages (Pascal VOC).
"""
import pathlib
import sys
import xml.etree.ElementTree as tree

root = pathlib.Path(sys.argv[1]).resolve()
print("path,tags,split")
for part in ("train", "val", "test"):
    for stem in (root / "ImageSets/Main" / f"{part}.txt").read_text().split():
        boxes = tree.parse(root / "Annotations" / f"{stem}.xml").iter("object")
        kinds = sorted({box.find("name").text for box in boxes})
        print(f"{root}/JPEGImages/{stem}.jpg,{';'.join(kinds)},{part}")
