"""Reads what the benchmark hands over: a description in JSON and its columns as raw little-endian float64."""

import json
from pathlib import Path

import numpy as np


class Case:
    """Grid, situations and measurements of one case; columns by name, shaped as the description says."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.about = json.loads((self.folder / "case.json").read_text())
        self.three_phase = self.about["phases"] == 3
        self.buses = self.about["buses"]
        self.count = self.about["count"]

    def column(self, name):
        shape = self.about["columns"][name]
        return np.fromfile(self.folder / f"{name}.f64", dtype="<f8").reshape(shape)

    def index(self, name):
        return self.column(name).astype(np.int64)

    def write(self, peer, name, values):
        np.ascontiguousarray(values, dtype="<f8").tofile(self.folder / f"{peer}-{name}.f64")
