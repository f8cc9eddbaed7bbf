"""The eight sets of MedMNIST in Table 3 (Appendix D.3), by the files of its third edition."""

from __future__ import annotations

from zmix_core.training.protocols.base import Protocol

__all__ = ["MED"]

SILENT = (
    "The paper gives the learning rate, SGD and the batch, and follows the original paper, whose own "
    "train.py settles the rest here: 100 epochs, no decay, momentum 0.9 without Nesterov, no weight decay, "
    "and the epoch with the best AUC on the validation pictures is tested. No augmentation is named."
)
FILES = "https://zenodo.org/records/10519652/files"
ORGANS = (
    "bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right",
    "liver", "lung-left", "lung-right", "pancreas", "spleen",
)  # fmt: skip


def _med(
    name: str,
    md5: str,
    title: str,
    *,
    pictures: int,
    class_names: tuple[str, ...],
    channels: int = 1,
    licence: str = "CC BY 4.0",
    note: str = SILENT,
) -> Protocol:
    """Appendix D.3: own partitions, 28 x 28, ResNet-18, learning rate 0.01, SGD, batches of 128."""
    return Protocol(
        name=name,
        title=title,
        group="medmnist",
        source="J. Yang et al. 2021, ISBI; medmnist.com; doi.org/10.5281/zenodo.10519652",
        licence=licence,
        reader="npz",
        data=f"{name}.npz",
        pictures=pictures,
        size=28,
        channels=channels,
        classes=len(class_names),
        class_names=class_names,
        metrics=("AUC", "ACC"),
        table="3",
        epochs=100,
        batch=128,
        learning_rate=0.01,
        weight_decay=0.0,
        nesterov=False,
        judged="AUC",
        url=f"{FILES}/{name}.npz",
        md5=md5,
        note=note,
    )


MED = (
    _med(
        "pathmnist",
        "a8b06965200029087d5bd730944a56c1",
        "PathMNIST",
        pictures=107_180,
        channels=3,
        class_names=(
            "adipose",
            "background",
            "debris",
            "lymphocytes",
            "mucus",
            "smooth muscle",
            "normal colon mucosa",
            "cancer-associated stroma",
            "colorectal adenocarcinoma epithelium",
        ),
    ),
    _med(
        "dermamnist",
        "0744692d530f8e62ec473284d019b0c7",
        "DermaMNIST",
        licence="CC BY-NC 4.0",
        pictures=10_005,
        channels=3,
        class_names=(
            "actinic keratoses and intraepithelial carcinoma",
            "basal cell carcinoma",
            "benign keratosis-like lesions",
            "dermatofibroma",
            "melanoma",
            "melanocytic nevi",
            "vascular lesions",
        ),
        note=f"Table 3 counts 10,005 pictures; the file has 10,015. {SILENT}",
    ),
    _med(
        "octmnist",
        "c68d92d5b585d8d81f7112f81e2d0842",
        "OCTMNIST",
        pictures=109_309,
        class_names=("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
    ),
    _med(
        "pneumoniamnist",
        "28209eda62fecd6e6a2d98b1501bb15f",
        "PneumoniaMNIST",
        pictures=5_856,
        class_names=("normal", "pneumonia"),
    ),
    _med(
        "breastmnist",
        "750601b1f35ba3300ea97c75c52ff8f6",
        "BreastMNIST",
        pictures=780,
        class_names=("malignant", "normal, benign"),
    ),
    _med(
        "organamnist",
        "68e3f8846a6bd62f0c9bf841c0d9eacc",
        "OrganMNIST_A",
        pictures=58_850,
        class_names=ORGANS,
        note=f"Table 3 counts the first edition's 58,850 pictures; the file of today has 58,830. {SILENT}",
    ),
    _med(
        "organcmnist",
        "b9ceb9546e10131b32923c5bbeaea2b1",
        "OrganMNIST_C",
        pictures=23_660,
        class_names=ORGANS,
        note=f"Table 3 counts the first edition's 23,660 pictures; the file of today has 23,583. {SILENT}",
    ),
    _med(
        "organsmnist",
        "9ab87b696fb54e2a387ebe992d6ed5f1",
        "OrganMNIST_S",
        pictures=25_221,
        class_names=ORGANS,
        note=f"Table 3 counts the first edition's 25,221 pictures; the file of today has 25,211. {SILENT}",
    ),
)
