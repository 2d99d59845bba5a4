# SPDX-License-Identifier: Apache-2.0
"""The C library and the structures of include/physioclr.h that the package uses, member by member."""
import ctypes
import ctypes.util
import os
from ctypes import POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_float, c_int, c_int64, c_size_t, c_uint8, c_void_p
from pathlib import Path


class Error(Exception):
    """What a call of the library tells: the message names the place, what was found, what was expected, and the remedy."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status  # "format", "io", ...: pclr_status_name


class PclrError(Structure):
    _fields_ = [("status", c_int), ("message", c_char * 1024)]


class PclrChannel(Structure):
    _fields_ = [("name", c_char * 32), ("lead", c_int), ("derived", c_bool)]


class PclrRecord(Structure):
    _fields_ = [
        ("id", c_char_p), ("path", c_char_p), ("source_format", c_char_p), ("rate", c_double), ("leads", c_size_t), ("samples", c_size_t),
        ("channel", POINTER(PclrChannel)), ("signal", POINTER(c_float)), ("valid", POINTER(c_uint8)), ("age", c_float), ("sex", c_int),
        ("patient", c_char_p), ("diagnoses", c_char_p), ("comments", c_char_p), ("start_time", c_char_p), ("annotation", c_void_p),
        ("annotations", c_size_t), ("warning", POINTER(c_char_p)), ("warnings", c_size_t),
    ]


class PclrReadOptions(Structure):
    _fields_ = [("unit", c_char_p), ("rate", c_double), ("leads", c_char_p), ("strict", c_bool), ("derive_leads", c_bool),
                ("annotator", c_char_p), ("first", c_int64), ("count", c_int64)]


class PclrWave(Structure):
    _fields_ = [("onset", c_double), ("peak", c_double), ("offset", c_double), ("has", c_uint8)]


class PclrBeat(Structure):
    _fields_ = [("p", PclrWave), ("qrs", PclrWave), ("t", PclrWave), ("ventricular", c_uint8), ("paced", c_uint8)]


class PclrFiducials(Structure):
    _fields_ = [("rate", c_double), ("leads", c_size_t), ("beats", c_size_t), ("beat", POINTER(PclrBeat)),
                ("lead_quality", POINTER(c_float)), ("quality", c_float)]


class PclrFeatureLayout(Structure):
    _fields_ = [("name", c_char_p), ("count", c_size_t)]


def _find():
    told = os.environ.get("PHYSIOCLR_LIBRARY")
    if told:
        return told
    source = Path(__file__).resolve().parents[1]
    built = source.parent / "build" / "libphysioclr.so"
    if (source / "pyproject.toml").exists() and built.exists():  # used from the source folder, after `make`
        return str(built)
    return ctypes.util.find_library("physioclr") or "libphysioclr.so.0"


def _load():
    path = _find()
    try:
        return ctypes.CDLL(path)
    except OSError as problem:
        raise ImportError(
            f"{path}: {problem}; build the C library with `make`, install it with `make install`, or name it in PHYSIOCLR_LIBRARY") from problem


_library = _load()


def _declare(name, result, *arguments):
    function = getattr(_library, name)
    function.restype = result
    function.argtypes = arguments
    return function


_record, _fiducials, _layout, _error = POINTER(PclrRecord), POINTER(PclrFiducials), POINTER(PclrFeatureLayout), POINTER(PclrError)
_model = c_void_p

version = _declare("pclr_version", c_char_p)
status_name = _declare("pclr_status_name", c_char_p, c_int)
lead_from_name = _declare("pclr_lead_from_name", c_int, c_char_p)
record_read = _declare("pclr_record_read", c_int, POINTER(_record), c_char_p, POINTER(PclrReadOptions), _error)
record_create = _declare("pclr_record_create", c_int, POINTER(_record), c_char_p, c_double, c_size_t, c_size_t, _error)
record_destroy = _declare("pclr_record_destroy", None, POINTER(_record))
fiducials_compute = _declare("pclr_fiducials_compute", c_int, POINTER(_fiducials), _record, c_void_p, _error)
fiducials_destroy = _declare("pclr_fiducials_destroy", None, POINTER(_fiducials))
feature_layout_find = _declare("pclr_feature_layout_find", _layout, c_char_p)
feature_name = _declare("pclr_feature_name", c_char_p, _layout, c_size_t)
features_compute = _declare("pclr_features_compute", c_int, _layout, _record, _fiducials, c_double, c_double, POINTER(c_float),
                            POINTER(c_uint8), POINTER(c_int), _error)
model_open = _declare("pclr_model_open", c_int, POINTER(_model), c_char_p, c_int, _error)
model_destroy = _declare("pclr_model_destroy", None, POINTER(_model))
model_classes = _declare("pclr_model_classes", c_size_t, _model)
model_class_name = _declare("pclr_model_class_name", c_char_p, _model, c_size_t)
model_dimensions = _declare("pclr_model_dimensions", c_size_t, _model)
model_metadata = _declare("pclr_model_metadata", c_char_p, _model, c_char_p)
model_predict = _declare("pclr_model_predict", c_int, _model, _record, POINTER(c_float), _error)
model_embed = _declare("pclr_model_embed", c_int, _model, _record, POINTER(c_float), _error)


def call(function, *arguments):
    """Calls a function that returns pclr_status and takes a pclr_error last."""
    error = PclrError()
    status = function(*arguments, ctypes.byref(error))
    if status != 0:
        raise Error(status_name(status).decode(), error.message.decode("utf-8", "replace"))
