# SPDX-License-Identifier: Apache-2.0
"""What the program writes, opened by other people's packages. Arguments: a folder made by tests/project/interop.sh."""
import csv
import json
import sys
from pathlib import Path

try:
    import h5py
    import numpy as np
    import safetensors
    import safetensors.numpy
    import wfdb
except ImportError as missing:
    print(f"SKIP: {missing}")
    sys.exit(77)

folder = Path(sys.argv[1])


def text(values):
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def check_dataset():
    with h5py.File(folder / "data.h5", "r") as data:
        assert text([data.attrs["format"]]) == ["physioclr-dataset"], dict(data.attrs)
        assert data.attrs["version"] == 1 and data.attrs["sampling_rate"] == 500 and data.attrs["microvolt_per_unit"] == 1
        assert text(data.attrs["leads"]) == ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
        records = data["records"]
        names = text(records["id"][:])
        n = len(names)
        for column in ("id", "source", "patient", "path", "start", "length", "source_rate", "age", "sex", "lead_mask", "fold"):
            assert records[column].shape == (n,), column
        assert data["signal"].dtype == np.int16 and data["signal"].shape == (records["length"][:].sum(), 12)
        for k in range(n):
            truth = wfdb.rdrecord(str(folder / "records" / names[k]))
            assert truth.sig_name == text(data.attrs["leads"]) and records["source_rate"][k] == truth.fs == 500
            start, length = records["start"][k], records["length"][k]
            stored = data["signal"][start : start + length]
            expected = np.rint(truth.p_signal * 1000)
            assert np.array_equal(stored, expected), (names[k], np.abs(stored - expected).max())
        labels = data["labels/dx"]
        assert labels.dtype == np.uint8 and labels.shape == (n, len(labels.attrs["classes"])) and set(np.unique(labels)) <= {0, 1, 255}
        split = data["splits/demo"][:]
        assert split.shape == (n,) and set(split) <= {0, 1, 2, 255} and {0, 1} <= set(split)
        features, start = data["physiology/features"], data["physiology/r_peaks_start"][:]
        assert features.shape == (len(data["segments/record"]), 150)
        assert len(data["physiology"].attrs["names"]) == len(data["physiology"].attrs["units"]) == 150
        assert text([data["physiology"].attrs["layout"]]) == ["paper150"] and data["physiology"].attrs["extractor"] >= 1
        assert start[0] == 0 and start[-1] == len(data["physiology/r_peaks"]) and len(start) == n + 1
        assert 0 < np.isfinite(features[:]).mean() < 1
    return names


def check_embedding():
    value = np.load(folder / "embedding.npy", allow_pickle=False)
    ids = (folder / "embedding.npy.ids.txt").read_text().split("\n")[:-1]
    assert value.dtype == np.float32 and value.ndim == 2 and len(ids) == len(value) and np.isfinite(value).all() and value.std() > 0
    return ids


def check_models(ids):
    for name, form in (("run/encoder", "physioclr-encoder"), ("probe/model", "physioclr-classifier")):
        path = folder / f"{name}.safetensors"
        tensors = safetensors.numpy.load_file(path)
        assert tensors and all(np.isfinite(tensor).all() for tensor in tensors.values())
        with safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            assert set(file.keys()) == set(tensors)
        assert metadata["format"] == form and metadata["version"] == "1"
        assert json.loads(metadata["architecture"]) and json.loads(metadata["preprocessing"])["rate"] == 100
        assert json.loads(metadata["dataset_form"])["rate"] == 500
    classes = json.loads(metadata["classes"])
    assert tensors["member.0.head.output.weight"].shape[0] == len(classes) == len(json.loads(metadata["thresholds"]))
    with open(folder / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["record_id", *classes] and [row[0] for row in rows[1:]] == ids
    assert all(0 <= float(value) <= 1 for row in rows[1:] for value in row[1:])


def check_annotations(names):
    with open(folder / "marks.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["lead"] == "global"]
    symbols = set()
    for name in names:
        marks = wfdb.rdann(str(folder / "marks" / name), "pclr")
        peaks = np.array([float(row["peak"]) for row in rows if row["record"] == name and row["wave"] == "QRS"])
        beats = marks.sample[[symbol in "NVLRAFQ/" for symbol in marks.symbol]]
        assert len(beats) == len(peaks) > 0 and np.abs(beats - peaks).max() <= 0.5, name
        symbols |= set(marks.symbol)
        truth = wfdb.rdann(str(folder / "records" / name), "atr")
        assert len(truth.sample) > 5 and (np.diff(truth.sample) >= 0).all()
    assert {"p", "N", "t", "(", ")"} <= symbols, symbols


names = check_dataset()
check_models(check_embedding())
check_annotations(names)
