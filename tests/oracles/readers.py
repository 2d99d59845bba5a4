#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Values of recordings as other people's readers see them: readers.py DATA_FOLDER > readers.txt

For every file below, one line a recording,
    file|reader|rate|samples|channel|index=value ...
with values in millivolt at a few samples of each channel (nan: missing), read by wfdb-python, pyedflib,
MNE or pydicom. Files that a package is missing for are left out, with a note on stderr.
"""
import sys
from pathlib import Path

import numpy as np

root = Path(sys.argv[1])
UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "v": 1e3, "nv": 1e-6}


def tell(path, reader, rate, names, signal):
    """signal [samples][channels] in mV"""
    n = len(signal)
    places = sorted({0, 1, n // 7, n // 3, n // 2, 2 * n // 3, n - 2, n - 1})
    for k, name in enumerate(names):
        values = " ".join(f"{i}={signal[i, k]:.7g}" for i in places)
        print(f"{path}|{reader}|{rate:.10g}|{n}|{name}|{values}")


def read_wfdb():
    import wfdb

    records = ["100", "100_3chan", "100skew", "3000003_0003", "a103l", "s0010_re", "test01_00s", "binformats", "flacformats",
               "310derive", "310derive_2", "310derive_3", "311derive", "311derive_2", "311derive_3", "311derive_4"]
    for name in records:
        path = root / "formats" / "wfdb" / name
        if not path.with_suffix(".hea").exists():
            continue
        r = wfdb.rdrecord(str(path))
        scale = np.array([UNIT.get(u.lower(), np.nan) for u in r.units])
        keep = np.isfinite(scale)
        tell(f"formats/wfdb/{name}", f"wfdb {wfdb.__version__}", r.fs, np.array(r.sig_name)[keep], (r.p_signal * scale)[:, keep])
    for folder in ("ptbxl", "ludb", "qtdb", "mitdb", "cinc2017", "cinc2011", "code15", "challenge/chapman", "challenge/cpsc2018"):
        for header in sorted((root / folder).rglob("*.hea"))[:2]:
            r = wfdb.rdrecord(str(header.with_suffix("")))
            tell(header.with_suffix("").relative_to(root), f"wfdb {wfdb.__version__}", r.fs, r.sig_name, r.p_signal)


def read_edf():
    import pyedflib

    for name in ("edf/contec_0000050_12lead.edf", "edf/mne_chtypes_edf.edf", "edf/pyedflib_test_utf8.edf", "bdf/pyedflib_test_generator.bdf",
                 "bdf/mne_test_bdf_stim_channel.bdf"):
        try:
            f = pyedflib.EdfReader(str(root / "formats" / name))
        except OSError as refused:
            print(f"{name}: {refused}", file=sys.stderr)
            continue
        rates, units = f.getSampleFrequencies(), [f.getPhysicalDimension(k).strip() for k in range(f.signals_in_file)]
        voltages = [k for k, u in enumerate(units) if u.lower() in UNIT]
        keep = [k for k in voltages if rates[k] == max(rates[v] for v in voltages)]
        if keep:
            signal = np.stack([f.readSignal(k) * UNIT[units[k].lower()] for k in keep], 1)
            tell(f"formats/{name}", f"pyedflib {pyedflib.__version__}", rates[keep[0]], [f.getLabel(k).strip() for k in keep], signal)
        f.close()


def read_mne():
    import mne

    for name in ("edf/contec_0000050_12lead.edf", "edf/mne_chtypes_edf.edf", "edf/mne_subsecond_starttime.edf", "edf/mne_test_utf8_annotations.edf",
                 "edf/pyedflib_test_subsecond.edf", "edf/pyedflib_test_utf8.edf", "bdf/mne_test_bdf_stim_channel.bdf",
                 "bdf/pyedflib_test_generator.bdf", "bdf/pyedflib_test_generator_datarec_generator_2.bdf"):
        read = mne.io.read_raw_bdf if name.endswith("bdf") else mne.io.read_raw_edf
        raw = read(str(root / "formats" / name), preload=True, stim_channel=None, encoding="utf8", verbose="error")
        units, rates = raw._orig_units, dict(zip(raw.ch_names, raw._raw_extras[0]["n_samps"]))
        keep = [c for c in raw.ch_names if units.get(c) in ("V", "mV", "µV", "uV") and c != "Status" and rates[c] == max(rates.values())]
        signal = 1e3 * raw.get_data(keep).T  # volt, whatever the file has
        tell(f"formats/{name}", f"mne {mne.__version__}", raw.info["sfreq"], keep, signal)


def read_dicom():
    import pydicom

    for path in sorted((root / "formats" / "dicom").glob("*.dcm")):
        ds = pydicom.dcmread(path)
        w = ds.WaveformSequence[0]
        channels = w.ChannelDefinitionSequence
        scale = [UNIT[c.ChannelSensitivityUnitsSequence[0].CodeValue.lower()] for c in channels]
        names = [c.ChannelSourceSequence[0].CodeMeaning for c in channels]
        tell(path.relative_to(root), f"pydicom {pydicom.__version__}", float(w.SamplingFrequency), names, ds.waveform_array(0) * np.array(scale))


for read in (read_wfdb, read_edf, read_mne, read_dicom):
    try:
        read()
    except ImportError as missing:
        print(f"left out: {missing}", file=sys.stderr)
