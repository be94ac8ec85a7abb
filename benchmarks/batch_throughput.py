"""Throughput of a batch on one, two and more workers of one thread each, and what a case leaves on the disk.

Each case is the CT sample with fresh noise and a box around the liver on one slice; each count of workers computes the
same cases into a folder of its own, with workers that have loaded the model already. On a machine that does other work
the time of a core says more than the time that passed.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from distributed import Client, LocalCluster

from napari_sam2.batch import Job, run_batch
from napari_sam2.batch.job import BoxOnFrame
from napari_sam2.samples import load_sample

FRAMES = 24


def make_jobs(folder: Path, count: int) -> list[Job]:
    sample = load_sample("ct_abdomen")
    start = (sample.truth.shape[0] - FRAMES) // 2
    array = np.asarray(sample.volume.array)[start : start + FRAMES]
    rows, columns = np.nonzero(sample.truth[start + FRAMES // 2] == 1)
    box = BoxOnFrame(1, FRAMES // 2, (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1))
    jobs = []
    for i in range(count):
        noise = np.random.default_rng(i).normal(0, 5, array.shape)
        path = folder / f"case{i}.nii.gz"
        affine = np.diag([*sample.volume.spacing[::-1], 1.0])
        nib.save(nib.Nifti1Image((array + noise).astype(np.int16).transpose(), affine), path)
        jobs.append(Job(path.name.split(".")[0], str(path), boxes=(box,), contrast_limits=(-160, 240)))
    return jobs


def run(jobs: list[Job], out: Path, workers: int, model: str) -> None:
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs=50
        ) as cluster,
        Client(cluster) as client,
    ):
        # The model is loaded once by each worker; more cases than workers, so that each gets one.
        warm = [Job(f"warm{i}", jobs[0].image, boxes=jobs[0].boxes) for i in range(2 * workers)]
        run_batch(warm, out / "warm", client, model, device="cpu")
        computed = sum(client.run(time.process_time).values())
        start = time.perf_counter()
        table = run_batch(jobs, out / "results", client, model, device="cpu")
        seconds = time.perf_counter() - start
        computed = sum(client.run(time.process_time).values()) - computed
    assert set(table["status"]) == {"done"}, list(table["error"])
    each = table["seconds"].median()
    print(
        f"{workers} workers: {60 * len(jobs) / seconds:6.1f} cases a minute, "
        f"{len(jobs) * FRAMES / seconds:6.1f} frames a second, median case {each:.1f} s, "
        f"{computed / len(jobs):.2f} s of a core for a case, "
        f"load {os.getloadavg()[0]:.1f}"
    )


def sizes(out: Path, jobs: list[Job]) -> None:
    case = out / "results" / jobs[0].name
    image = Path(jobs[0].image).stat().st_size
    print(f"a case of {FRAMES} frames of 192 × 192, one object; its image has {image / 1000:.0f} kB:")
    for path in sorted(p for p in case.iterdir() if p.stat().st_size):
        print(f"  {path.name:24s} {path.stat().st_size / 1000:8.1f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="starter")
    parser.add_argument("--cases", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[n for n in (1, 2, 4) if n <= (os.cpu_count() or 1)])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        jobs = make_jobs(Path(folder), arguments.cases)
        for workers in arguments.workers:
            run(jobs, Path(folder) / str(workers), workers, arguments.model)
        sizes(Path(folder) / str(arguments.workers[-1]), jobs)


if __name__ == "__main__":
    main()
