"""A network of labels in 3D as what corrects votes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crossvox.core.grid import VoxelGrid
from crossvox.predict import learnt_labels
from crossvox.predict.learnt_labels import LearntLabels
from crossvox.tasks.label3d import CLASSES, Label3d

GRID = VoxelGrid((12, 12, 12), 0.05, (0.0, 0.0, 0.0))


def test_votes_pass_an_untrained_network_and_pieces_do_not_matter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    voxels = np.sort(rng.permutation(GRID.count)[:100])
    normals = np.tile(np.array([0, 0, 1], np.float32), (100, 1))
    probability = rng.dirichlet(np.full(CLASSES, 0.2), 100).astype(np.float32)
    weight = rng.uniform(0.1, 2, 100).astype(np.float32)
    weight[:10], probability[:10] = 0, 0
    network = Label3d().build().eval()
    learnt = LearntLabels(network)
    said = learnt(GRID, voxels, normals, probability, weight)
    assert said.shape == (100, CLASSES)
    assert np.allclose(said.sum(axis=1), 1, atol=1e-5)
    assert (said[10:].argmax(axis=1) == probability[10:].argmax(axis=1)).all()
    assert np.allclose(said[:10], 1 / CLASSES)
    torch.nn.init.normal_(network.last.weight)
    whole = learnt(GRID, voxels, normals, probability, weight)
    monkeypatch.setattr(learnt_labels, "ROWS", 7)
    assert np.allclose(learnt(GRID, voxels, normals, probability, weight), whole, atol=1e-5)
    assert not (learnt(GRID, voxels, normals, probability * 0, weight * 0)).any()
