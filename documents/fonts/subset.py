"""Makes the two weights that reports embed out of Inter's variable face (fontpkg-inter on PyPI).

Run with fonttools and fontpkg-inter installed: python subset.py Inter[opsz,wght].ttf
Kept: Latin, Cyrillic, punctuation, currencies, arrows; kerning. Digits are the tabular ones, so that
columns of numbers stand under each other without a shaping feature.
"""

import pathlib
import sys

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

RANGES = [
    (0x20, 0x7E), (0xA0, 0x17F), (0x18F, 0x18F), (0x192, 0x192), (0x218, 0x21B), (0x259, 0x259),
    (0x2BB, 0x2BC), (0x2C6, 0x2C7), (0x2D8, 0x2DD), (0x300, 0x304), (0x306, 0x308), (0x30A, 0x30C),
    (0x400, 0x45F), (0x462, 0x463), (0x472, 0x475), (0x490, 0x4FF), (0x1E80, 0x1E85), (0x1E9E, 0x1E9E),
    (0x2010, 0x2015), (0x2018, 0x201E), (0x2020, 0x2022), (0x2026, 0x2026), (0x2030, 0x2033),
    (0x2039, 0x203A), (0x2044, 0x2044), (0x20AA, 0x20AC), (0x20AE, 0x20AE), (0x20B4, 0x20B4),
    (0x20B8, 0x20B9), (0x20BD, 0x20BE), (0x2116, 0x2116), (0x2122, 0x2122), (0x2190, 0x2193),
    (0x2206, 0x2206), (0x2211, 0x2212), (0x221E, 0x221E), (0x2248, 0x2248), (0x2260, 0x2260),
    (0x2264, 0x2265), (0x25A0, 0x25A1), (0x25B2, 0x25B3), (0x25BC, 0x25BD), (0x25CF, 0x25CF),
    (0x2713, 0x2713), (0xFFFD, 0xFFFD),
]


def tabular(font):
    """Points the digits' code points at the glyphs that the feature tnum would choose."""
    gsub = font["GSUB"].table
    lookups = {i for r in gsub.FeatureList.FeatureRecord if r.FeatureTag == "tnum" for i in r.Feature.LookupListIndex}
    swap = {}
    for index in lookups:
        for table in gsub.LookupList.Lookup[index].SubTable:
            table = getattr(table, "ExtSubTable", table)
            swap.update(getattr(table, "mapping", {}))
    for cmap in font["cmap"].tables:
        for code, glyph in list(cmap.cmap.items()):
            if code in range(0x30, 0x3A):
                cmap.cmap[code] = swap.get(glyph, glyph)  # subtables may share one map


for name, weight in [("Regular", 400), ("SemiBold", 600)]:
    font = instantiateVariableFont(TTFont(sys.argv[1]), {"wght": weight, "opsz": 14}, updateFontNames=True)
    tabular(font)
    options = Options()
    options.layout_features = ["kern", "mark", "mkmk", "ccmp"]
    options.hinting = False
    options.notdef_outline = True
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14, 16, 17]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[code for low, high in RANGES for code in range(low, high + 1)])
    subsetter.subset(font)
    path = pathlib.Path(__file__).parent / f"Inter-{name}.ttf"
    font.save(path)
    print(path.name, path.stat().st_size)
