# SPDX-License-Identifier: Apache-2.0
"""The Python package gives what the program gives. Arguments: a folder made by tests/project/interop.sh; PYTHONPATH has python/."""
import csv
import math
import sys
from pathlib import Path

try:
    import numpy as np
except ImportError as missing:
    print(f"SKIP: {missing}")
    sys.exit(77)

import physioclr

folder = Path(sys.argv[1])


def rows(name):
    with open(folder / name, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def near(found, expected, tolerance):
    return math.isclose(found, float(expected), rel_tol=tolerance, abs_tol=tolerance)


paths = sorted((folder / "records").glob("*.hea"))
model, encoder = physioclr.Model(folder / "probe/model.safetensors"), physioclr.Model(folder / "run/encoder.safetensors")
assert encoder.classes == [] and model.metadata("format") == "physioclr-classifier" and model.metadata("nothing") is None
embedding = dict(zip((folder / "embedding.npy.ids.txt").read_text().split(), np.load(folder / "embedding.npy")))
prediction = {row["record_id"]: row for row in rows("predictions.csv")}
for path in paths[:3]:
    record = physioclr.read(path)
    assert record.id == path.stem and record.rate == 500 and record.signal.shape == (12, 5000) and record.leads[1] == "II"
    assert record.sex in ("male", "female") and 0 < record.age < 120 and record.diagnoses

    marks = physioclr.fiducials(record)
    for wave in ("P", "QRS", "T"):
        for lead, found in (("global", marks.fused[wave]), ("V2", marks.lead[wave][7])):
            told = [row for row in rows("marks.csv") if row["record"] == record.id and row["lead"] == lead and row["wave"] == wave]
            peaks = found[np.isfinite(found[:, 1]), 1]
            expected = [float(row["peak"]) for row in told if row["peak"]]
            assert len(peaks) == len(expected) and np.allclose(peaks, expected, atol=1e-2), (record.id, wave, lead)
    assert marks.lead_quality.shape == (12,) and 0 <= marks.quality <= 1 and len(marks.paced) == len(marks.fused["QRS"])

    found = physioclr.features(record)
    told = next(row for row in rows("features.csv") if row["record"] == record.id and row["segment"] == "0")
    assert len(found) == 150
    for name, value in found.items():
        assert math.isnan(value) == (told[name] == "") and (math.isnan(value) or near(value, told[name], 1e-5)), name

    assert all(near(value, prediction[record.id][name], 1e-5) for name, value in model.predict(record).items())
    assert np.allclose(encoder.embed(record), embedding[record.id], atol=1e-5)

# an array of one's own, with missing samples
record = physioclr.read(paths[0])
own = physioclr.Record("own", record.rate, record.leads, record.signal.copy())
own.signal[3, 1000:1200] = np.nan
assert len(physioclr.fiducials(own).fused["QRS"]) >= 5
assert len(physioclr.features(own, layout="rich")) > 150

for attempt, status, word in (
        (lambda: physioclr.read(folder / "nothing"), "missing", "nothing"),
        (lambda: physioclr.Model(paths[0]), "format", paths[0].name),
        (lambda: physioclr.Model(folder / "nothing"), "missing", "nothing")):
    try:
        attempt()
    except physioclr.Error as problem:
        assert problem.status == status and word in str(problem), (problem.status, str(problem))
    else:
        raise AssertionError(f"no error with {word}")
