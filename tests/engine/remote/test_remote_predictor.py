"""A model in a real worker process on loopback gives the masks of the same model here."""

import os
import signal
import threading

import numpy as np
import pytest
from distributed import Client, LocalCluster, Scheduler, SpecCluster

import napari_sam2 as ns
from napari_sam2.core.frames import FrameGrid
from napari_sam2.core.intensity import WindowedFrames
from napari_sam2.engine.protocols import EncodesAhead
from napari_sam2.engine.remote.predictor import RemotePredictor

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Planes:
    """Frames with a drifting disc, computed where they are looked at, which counts the pixels."""

    dtype = np.dtype(np.uint8)

    def __init__(self, shape, factor=1):
        self.shape, self._factor, self.pixels = shape, factor, 0

    def __getitem__(self, index):
        frame, rows, columns = index
        yy, xx = (np.arange(n)[s] * self._factor for n, s in zip(self.shape[1:], (rows, columns), strict=True))
        part = (np.hypot(yy[:, None] - 3000 - 5 * frame, xx[None] - 4000) < 300) * np.uint8(150)
        part += ((yy[:, None] // 64 + xx[None] // 64) % 7 * 8).astype(np.uint8)
        self.pixels += part.size
        return part


def volume():
    """A ball that grows and shrinks in noise of 8 bits."""
    z, y, x = np.indices((12, 64, 64))
    inside = (z - 6) ** 2 * 9 + (y - 32) ** 2 + (x - 30) ** 2 < 20**2
    noise = np.random.default_rng(0).integers(0, 60, inside.shape)
    return ns.ImageVolume((inside * 150 + noise).astype(np.uint8), axes="zyx", spacing=(3, 1, 1))


@pytest.fixture(scope="module")
def cluster():
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", host="127.0.0.1", silence_logs=50
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def address(cluster):
    return cluster.scheduler_address.replace("tcp://", "dask://")


@pytest.fixture
def load(address):
    """Load the model on a worker, and let go of it with the test."""
    loaded = []

    def load():
        loaded.append(ns.load_predictor("starter", device=address))
        return loaded[-1]

    yield load
    for predictor in loaded:
        predictor.unload()


def segment(predictor, image=None, stop_after=None):
    session = ns.VideoSession(predictor, volume() if image is None else image, window=(0, 255))
    session.add_box(1, 6, (10, 8, 55, 52))
    session.add_points(2, 2, [(32, 30)])
    for i, _ in enumerate(session.propagate()):
        if stop_after is not None and i == stop_after:
            break
    return session


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_masks_are_those_of_the_model_here(address, load) -> None:
    here = segment(ns.load_predictor("starter", device="cpu"))
    far = load()
    there = segment(far)
    assert far.fingerprint == here.predictor.fingerprint
    assert "dask" in address
    for obj_id in (1, 2):
        assert iou(here.labels() == obj_id, there.labels() == obj_id) > 0.99
    # A correction, in the memory of the tracked frames, and the rule that compares logits.
    for session in (here, there):
        session.add_points(1, 8, [(32, 45)], [0])
        session.overlap = "score"
        for _ in session.propagate():
            pass
    assert iou(here.labels() == 1, there.labels() == 1) > 0.99


def test_each_frame_is_sent_once_however_often_one_propagates(load) -> None:
    far = load()
    session = segment(far, image=ns.ImageVolume(volume().array[:, ::-1].copy(), axes="zyx", spacing=(3, 1, 1)))
    sent = far.bytes_sent
    assert 0 < sent < 12 * 64 * 64
    for _ in session.propagate(force=True):
        pass
    assert far.bytes_sent == sent
    again = load()
    segment(again, image=session.volume)
    assert again.bytes_sent == 0


def test_two_users_share_one_model_and_take_turns(load) -> None:
    users = [load() for _ in range(2)]
    found = {}

    def work(i):
        found[i] = segment(users[i]).labels()

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert np.array_equal(found[0], found[1])
    assert found[0].any()


def test_exact_mode_needs_a_model_here(load) -> None:
    session = ns.VideoSession(load(), volume(), exact=True)
    with pytest.raises(ns.errors.NapariSam2Error, match="Exact mode needs a model on this computer"):
        session.add_box(1, 6, (10, 8, 55, 52))


def test_a_model_that_the_worker_lacks_is_told_as_here(address) -> None:
    with pytest.raises(ns.errors.ModelNotDownloadedError, match=r"sam2\.1-large"):
        ns.load_predictor("sam2.1-large", device=address)


def test_another_machine_without_encryption_is_refused() -> None:
    with pytest.raises(ns.errors.ClusterError, match="would not be encrypted"):
        ns.load_predictor("starter", device="dask://gpu-server:8786")


def test_a_cluster_without_workers_is_a_sentence() -> None:
    with (
        SpecCluster(
            {}, {"cls": Scheduler, "options": {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}}
        ) as empty,
        Client(empty, set_as_default=False) as client,
        pytest.raises(ns.errors.ClusterError, match="No worker of the Dask cluster"),
    ):
        RemotePredictor(client, ns.load_predictor, "starter", patience_s=1)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs POSIX signals")
def test_a_worker_that_dies_is_replaced_and_the_run_goes_on(cluster, address, load) -> None:
    expected = segment(ns.load_predictor("starter", device="cpu")).labels()
    far = load()
    session = ns.VideoSession(far, volume(), window=(0, 255))
    session.add_box(1, 6, (10, 8, 55, 52))
    session.add_points(2, 2, [(32, 30)])
    steps = session.propagate()
    next(steps), next(steps)
    holder = far._client.who_has()
    key = next(k for k in holder if str(k).startswith("napari-sam2-starter"))
    (worker,) = holder[key]
    pid = next(w.pid for w in cluster.workers.values() if w.worker_address == worker)
    os.kill(pid, signal.SIGKILL)
    for _ in steps:
        pass
    assert far.generation > 1
    for obj_id in (1, 2):
        assert iou(session.labels() == obj_id, expected == obj_id) > 0.99


def test_embeddings_can_be_made_ahead_as_here(load) -> None:
    image = ns.ImageVolume(volume().array[:, :, ::-1].copy(), axes="zyx", spacing=(3, 1, 1))
    frames = WindowedFrames(image, FrameGrid.of(image), (0, 255))
    stream = load().open(frames, zoom=None)
    assert isinstance(stream, EncodesAhead)
    assert stream.count_encoded(range(12)) == 0
    assert stream.encode_ahead(range(3)) == 3
    assert stream.count_encoded(range(12)) == 3


def test_of_very_large_planes_only_the_parts_that_the_model_sees_are_sent(load) -> None:
    found = []
    for predictor in (ns.load_predictor("starter", device="cpu"), load()):
        planes = Planes((12, 5000, 6000))
        session = ns.VideoSession(predictor, ns.ImageVolume(planes, axes="tyx"), window=(0, 255))
        session.add_box(1, 6, (2720, 3690, 3340, 4310))
        for _ in session.propagate():
            pass
        assert planes.pixels < 12 * 5000 * 6000 / 4
        found.append([session.mask(1, frame) for frame in (0, 6, 11)])
    assert all(iou(here, there) > 0.99 for here, there in zip(*found, strict=True))
    assert found[0][0].sum() > 200_000
    # At eight bits, compressed; each part once for the parcels of both directions.
    assert 0 < predictor.bytes_sent < 2 * planes.pixels / 20


def test_of_a_multiscale_image_the_level_is_sent_that_the_model_needs(load) -> None:
    shape, found = (2, 5120, 5120), []
    for predictor in (ns.load_predictor("starter", device="cpu"), load()):
        array, levels = Planes(shape), [Planes((2, 5120 // f, 5120 // f), f) for f in (2, 4, 16, 32)]
        image = ns.ImageVolume(array, axes="tyx", levels=levels)
        session = ns.VideoSession(predictor, image, window=(0, 255), zoom=None)
        session.add_box(1, 0, (2700, 3700, 3300, 4300))
        found.append(session.predict_frame(0)[1])
        assert array.pixels == 0
        assert [level.pixels > 0 for level in levels] == [False, False, True, False]
    assert iou(*found) > 0.99
    assert found[0].sum() > 100_000
