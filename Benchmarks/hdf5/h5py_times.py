"""What a person with h5py and numpy writes: one flat vector of all datasets of a file, or a compressed copy of it.

usage: PYTHON h5py_times.py flat|gzip FROM TO
"""
import sys

import h5py
import numpy as np

kind, source, target = sys.argv[1:]
with h5py.File(source, "r") as file:
    datasets = []
    file.visititems(lambda name, found: datasets.append(found) if isinstance(found, h5py.Dataset) else None)
    if kind == "flat":
        np.save(target, np.concatenate([d[()].reshape(-1) for d in datasets]))
    else:
        with h5py.File(target, "w") as copy:
            for d in datasets:
                copy.create_dataset(d.name, data=d[()], compression="gzip", compression_opts=4, shuffle=True)
