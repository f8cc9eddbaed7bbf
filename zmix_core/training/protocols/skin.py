"""The ten sets of skin lesions of Tables 2 and A3 (Appendix D.2). Their owners hand them out themselves."""

from __future__ import annotations

from functools import partial

from zmix_core.training.protocols.base import STRATIFIED, Protocol

__all__ = ["SKIN"]

# Appendix D.2: square centre crop of 0.8 x the shorter side, 256 x 256, both ResNets, SGD as in D.1.
_skin = partial(
    Protocol,
    group="skin",
    reader="folder",
    size=256,
    channels=3,
    crop=0.8,
    networks=("resnet-18", "resnet-50"),
    metrics=("ACC_bal", "F1-micro", "F1-macro"),
    table="A3",
    epochs=50,
    batch=32,
    learning_rate=0.01,
    decay=0.1,
    decay_epochs=(10, 20, 30, 40),
)

SILENT = (
    "The paper calls the crop its data augmentation and names no random one. It says nothing of weights from "
    "ImageNet (here: none), of how pixels are normalized, of which epoch's network is tested (here: the last "
    "one's), nor of which published diagnosis became which of its five labels."
)
# What tells: a micro-averaged F1 is a share of the tested pictures, so it is a multiple of 1 / their number.
DRAWN = "Its split is lost, as no seed is given: the share of 70:10:20 is the paper's, the draw ours."
LABELS = "basal cell carcinoma, nevus, melanoma, seborrheic keratosis, others"
MANIFEST = (
    "Put the pictures into the folder of its name in the data folder, with a manifest.csv beside "
    "them: a line of headings, then a line a picture, path,label (and, where known, group: the patient or "
    "lesion, which a split never parts)"
)
TERMS = "unclear, see source"
ISIC = "challenge.isic-archive.com/data"
ARCHIVE = "International Skin Imaging Collaboration; www.isic-archive.com"
SPLIT_COLUMN = "path,label,split with split train, val or test"


def _labels(*names: str) -> str:
    return f"{MANIFEST}. Its labels: {', '.join(names)}."


SKIN = (
    _skin(
        name="isic-2016",
        title="ISIC 2016",
        source=f"D. Gutman et al. 2016, arXiv:1605.01397, task 3; {ISIC}/#2016",
        licence="CC0",
        data="isic-2016",
        pictures=1_279,
        classes=2,
        by_hand=(
            f"Download task 3's training data (900 pictures), test data (379) and their ground truth from "
            f"{ISIC}/#2016. {MANIFEST}; here {SPLIT_COLUMN}. Its labels: benign, malignant."
        ),
        note=f"Its owners' partition has no validation pictures. {SILENT}",
    ),
    _skin(
        name="isic-2017",
        title="ISIC 2017",
        source=f"N. Codella et al. 2018, ISBI, part 3; {ISIC}/#2017",
        licence="CC0",
        data="isic-2017",
        pictures=2_750,
        classes=3,
        by_hand=(
            f"Download part 3's training data (2,000 pictures), validation data (150), test data (600) and "
            f"their ground truth from {ISIC}/#2017. {MANIFEST}; here {SPLIT_COLUMN}. Its labels: melanoma, "
            "nevus, seborrheic keratosis."
        ),
        note=SILENT,
    ),
    _skin(
        name="isic-2018",
        title="ISIC 2018",
        source=f"N. Codella et al. 2019, arXiv:1902.03368; P. Tschandl et al. 2018; task 3; {ISIC}/#2018",
        licence="CC BY-NC 4.0",
        data="isic-2018",
        pictures=10_015,
        classes=5,
        epochs=20,
        decay_epochs=(4, 8, 12, 16),
        by_hand=(
            f"Download task 3's training input (10,015 pictures), validation input (193) and their ground "
            f"truth from {ISIC}/#2018. {MANIFEST}; here {SPLIT_COLUMN}, the 193 as test. Its labels: "
            f"{LABELS} (MEL melanoma, NV nevus, BCC basal cell carcinoma, BKL seborrheic keratosis; "
            "AKIEC, DF and VASC others, which is our reading)."
        ),
        note=(
            "The paper counts the training pictures only. Its F1-micro are multiples of 1/193, so it tested "
            f"on the owners' 193 validation pictures, and so does this protocol. {SILENT}"
        ),
    ),
    _skin(
        name="msk",
        title="MSK",
        source=ARCHIVE,
        licence="stated picture by picture in the archive, see source",
        data="msk",
        pictures=3_551,
        classes=4,
        split=STRATIFIED,
        by_hand=f"Download the MSK collections from www.isic-archive.com. {_labels('four of ' + LABELS)}",
        note=f"The paper does not say which four of its five labels it has. {DRAWN} {SILENT}",
    ),
    _skin(
        name="uda",
        title="UDA",
        source=ARCHIVE,
        licence="stated picture by picture in the archive, see source",
        data="uda",
        pictures=601,
        classes=2,
        split=STRATIFIED,
        by_hand=f"Download the UDA collections from www.isic-archive.com. {_labels('melanoma', 'nevus')}",
        note=f"The paper does not name its two labels. {DRAWN} {SILENT}",
    ),
    _skin(
        name="dermofit",
        title="DermoFit",
        source="Edinburgh Innovations; licensing.edinburgh-innovations.ed.ac.uk, Dermofit Image Library",
        licence="by a signed licence agreement with the University of Edinburgh, for a fee",
        data="dermofit",
        pictures=1_300,
        classes=5,
        split=STRATIFIED,
        by_hand=f"Sign the agreement with its owners, see source. {_labels(LABELS)}",
        note=f"Clinical pictures. {DRAWN} {SILENT}",
    ),
    _skin(
        name="derm7point-c",
        title="derm7point: clinical",
        source="J. Kawahara et al. 2018; derm.cs.sfu.ca",
        licence=TERMS,
        data="derm7point-c",
        pictures=1_011,
        classes=5,
        split=STRATIFIED,
        by_hand=f"Register with its owners, see source, and take the clinical ones. {_labels(LABELS)}",
        note=(
            "Its owners have a partition (413, 203, 395 cases), which the paper did not use: its F1-micro "
            f"are multiples of 1/202, a fifth of the cases. {DRAWN} {SILENT}"
        ),
    ),
    _skin(
        name="derm7point-d",
        title="derm7point: dermoscopic",
        source="J. Kawahara et al. 2018; derm.cs.sfu.ca",
        licence=TERMS,
        data="derm7point-d",
        pictures=1_011,
        classes=5,
        split=STRATIFIED,
        by_hand=f"Register with its owners, see source, and take the dermoscopic ones. {_labels(LABELS)}",
        note=(
            "Its owners have a partition (413, 203, 395 cases), which the paper did not use: its F1-micro "
            f"are multiples of 1/202, a fifth of the cases. {DRAWN} {SILENT}"
        ),
    ),
    _skin(
        name="ph2",
        title="PH2",
        source="T. Mendonça et al. 2013, EMBC; www.fc.up.pt/addi/ph2%20database.html",
        licence=TERMS,
        data="ph2",
        pictures=200,
        classes=2,
        split=STRATIFIED,
        by_hand=f"Ask its owners for it, see source. {_labels('melanoma', 'nevus')}",
        note=f"{DRAWN} {SILENT}",
    ),
    _skin(
        name="med-node",
        title="MED-NODE",
        source="I. Giotis et al. 2015; www.cs.rug.nl/~imaging/databases/melanoma_naevi",
        licence=TERMS,
        data="med-node",
        pictures=170,
        classes=2,
        split=STRATIFIED,
        by_hand=f"Download complete_mednode_dataset.zip, see source. {_labels('melanoma', 'nevus')}",
        note=f"Clinical pictures. {DRAWN} {SILENT}",
    ),
)
