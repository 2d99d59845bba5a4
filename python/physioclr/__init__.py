# SPDX-License-Identifier: Apache-2.0
"""ECG recordings, marks, features, embeddings and predictions by the C library physioclr.

    import physioclr

    record = physioclr.read("archive/A0001")           # any format the library reads
    marks = physioclr.fiducials(record)                # onset, peak, end of P, QRS and T of every beat
    features = physioclr.features(record)              # {name: value} of the first five seconds; NaN where not measurable
    model = physioclr.Model("models/ptbxl-rhythm.safetensors")
    model.predict(record)                              # {class: probability}
    model.embed(record)                                # numpy array

Signals are float32 arrays [lead][sample] in millivolt, NaN where missing; positions are samples at the recording's own rate, from 0.
Every failure raises physioclr.Error with the library's message. One object belongs to one thread at a time; the calls release the
interpreter lock.
"""
import ctypes
import os
from dataclasses import dataclass, field

import numpy as np

from . import _library as c
from ._library import Error

__all__ = ["Error", "Fiducials", "Model", "Record", "features", "fiducials", "read", "version"]
__version__ = c.version().decode()


def version():
    """Version of the C library."""
    return __version__


def _text(value):
    return value.decode("utf-8", "replace") if value else None


@dataclass
class Record:
    """A recording. Made by `read`, or by hand from an array: Record("a", 500.0, ["I", "II"], signal)."""

    id: str
    rate: float                # Hz
    leads: list                # names
    signal: np.ndarray         # float32 [lead][sample], mV, NaN where missing
    age: float = None          # years
    sex: str = None            # "male", "female"
    patient: str = None
    diagnoses: list = field(default_factory=list)  # codes of "#Dx:"


class _Native:
    """A pclr_record for the time of a `with` block, filled from a Record."""

    def __init__(self, record):
        signal = np.asarray(record.signal, dtype=np.float32)
        if signal.ndim != 2 or signal.shape[0] != len(record.leads):
            raise ValueError(f"signal of shape {signal.shape}; expected [lead][sample] with {len(record.leads)} leads")
        self.pointer = ctypes.POINTER(c.PclrRecord)()
        c.call(c.record_create, ctypes.byref(self.pointer), record.id.encode(), record.rate, *signal.shape)
        self._fill(record, signal)

    def _fill(self, record, signal):
        native = self.pointer.contents
        known = np.isfinite(signal)
        np.ctypeslib.as_array(native.signal, signal.shape)[:] = np.where(known, signal, np.float32(0))
        self._valid = np.ascontiguousarray(known, dtype=np.uint8)  # lent to the record until the block ends
        if not known.all():
            native.valid = self._valid.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        for channel, name in zip(native.channel[: len(record.leads)], record.leads):
            channel.name = name.encode()[:31]
            channel.lead = c.lead_from_name(name.encode())
        native.age = -1 if record.age is None else record.age
        native.sex = {"male": 0, "female": 1}.get(record.sex, 255)

    def __enter__(self):
        return self.pointer

    def __exit__(self, *_):
        self.pointer.contents.valid = None
        c.record_destroy(ctypes.byref(self.pointer))


def _from_native(native):
    shape = (native.leads, native.samples)
    signal = np.ctypeslib.as_array(native.signal, shape).copy()
    if native.valid:
        signal[np.ctypeslib.as_array(native.valid, shape) == 0] = np.nan
    return Record(
        id=_text(native.id), rate=native.rate, leads=[channel.name.decode() for channel in native.channel[: native.leads]], signal=signal,
        age=native.age if native.age >= 0 else None, sex={0: "male", 1: "female"}.get(native.sex), patient=_text(native.patient),
        diagnoses=[code.strip() for code in (_text(native.diagnoses) or "").split(",") if code.strip()])


def read(path, unit=None, rate=0.0, leads=None, strict=False, derive_leads=False):
    """Reads a recording of any known format. unit, rate (Hz) and leads tell what the file does not; derive_leads adds III, aVR, aVL, aVF."""
    options = c.PclrReadOptions(
        unit=unit.encode() if unit else None, rate=rate, leads=",".join(leads).encode() if leads else None, strict=strict,
        derive_leads=derive_leads)
    pointer = ctypes.POINTER(c.PclrRecord)()
    c.call(c.record_read, ctypes.byref(pointer), os.fsencode(path), ctypes.byref(options))
    try:
        return _from_native(pointer.contents)
    finally:
        c.record_destroy(ctypes.byref(pointer))


@dataclass
class Fiducials:
    """Marks of a recording. Positions in samples, NaN where a wave or a mark of it is absent."""

    rate: float
    quality: float             # of the recording, 0 to 1
    lead_quality: np.ndarray   # [lead]
    lead: dict                 # {"P" | "QRS" | "T": [lead][beat][onset, peak, end]}
    fused: dict                # {"P" | "QRS" | "T": [beat][onset, peak, end]}
    ventricular: np.ndarray    # [beat] of bool
    paced: np.ndarray          # [beat] of bool


_WAVE = np.dtype({"names": ["mark", "has"], "formats": [("<f8", 3), "u1"], "offsets": [0, 24], "itemsize": ctypes.sizeof(c.PclrWave)})
_BEAT = np.dtype({"names": ["P", "QRS", "T", "ventricular", "paced"], "formats": [_WAVE, _WAVE, _WAVE, "u1", "u1"],
                  "offsets": [getattr(c.PclrBeat, name).offset for name in ("p", "qrs", "t", "ventricular", "paced")],
                  "itemsize": ctypes.sizeof(c.PclrBeat)})


def _marks(wave):
    mark = wave["mark"].copy()
    mark[(wave["has"][..., None] & np.array([1, 2, 4], dtype=np.uint8)) == 0] = np.nan
    return mark


def _compute(native):
    pointer = ctypes.POINTER(c.PclrFiducials)()
    c.call(c.fiducials_compute, ctypes.byref(pointer), native, None)
    return pointer


def fiducials(record):
    """Onset, peak and end of every P, QRS and T, in each lead and fused over the leads."""
    with _Native(record) as native:
        pointer = _compute(native)
    try:
        found = pointer.contents
        rows = (found.leads + 1) * found.beats
        buffer = ctypes.string_at(found.beat, rows * ctypes.sizeof(c.PclrBeat)) if rows else b""
        beat = np.frombuffer(buffer, dtype=_BEAT).reshape(found.leads + 1, found.beats)
        wave = {name: _marks(beat[name]) for name in ("P", "QRS", "T")}
        return Fiducials(
            rate=found.rate, quality=found.quality, lead_quality=np.array(found.lead_quality[: found.leads], dtype=np.float32),
            lead={name: mark[:-1] for name, mark in wave.items()}, fused={name: mark[-1] for name, mark in wave.items()},
            ventricular=beat["ventricular"][-1] != 0, paced=beat["paced"][-1] != 0)
    finally:
        c.fiducials_destroy(ctypes.byref(pointer))


def features(record, layout="paper150", first=0.0, seconds=5.0):
    """{name: value} of one segment, beginning at `first` s; NaN where a value cannot be measured."""
    table = c.feature_layout_find(layout.encode())
    if not table:
        raise ValueError(f"no feature layout {layout!r}; `physioclr features --help` names those there are")
    count = table.contents.count
    value, valid = (ctypes.c_float * count)(), (ctypes.c_uint8 * count)()
    with _Native(record) as native:
        marks = _compute(native)
        try:
            length = min(seconds * record.rate, native.contents.samples - first * record.rate)
            c.call(c.features_compute, table, native, marks, first * record.rate, length, value, valid, None)
        finally:
            c.fiducials_destroy(ctypes.byref(marks))
    return {c.feature_name(table, k).decode(): value[k] if valid[k] else float("nan") for k in range(count)}


class Model:
    """An encoder.safetensors or model.safetensors, run by its own preprocessing."""

    def __init__(self, path, threads=1):
        self._pointer = ctypes.c_void_p()
        c.call(c.model_open, ctypes.byref(self._pointer), os.fsencode(path), threads)
        self.classes = [c.model_class_name(self._pointer, k).decode() for k in range(c.model_classes(self._pointer))]
        self.dimensions = c.model_dimensions(self._pointer)

    def __del__(self):
        if getattr(self, "_pointer", None):
            c.model_destroy(ctypes.byref(self._pointer))

    def metadata(self, key):
        """Text of a metadata entry of the file, or None."""
        return _text(c.model_metadata(self._pointer, key.encode()))

    def _run(self, function, record, size):
        out = np.zeros(size, dtype=np.float32)
        with _Native(record) as native:
            c.call(function, self._pointer, native, out.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
        return out

    def predict(self, record):
        """{class: probability}"""
        return dict(zip(self.classes, self._run(c.model_predict, record, len(self.classes)).tolist()))

    def embed(self, record):
        """float32 [dimensions]"""
        return self._run(c.model_embed, record, self.dimensions)
