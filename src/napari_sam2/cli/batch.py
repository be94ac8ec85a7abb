"""``batch``: segment many images, on this machine or on a Dask cluster."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from napari_sam2.cli.options import add_model_options
from napari_sam2.errors import JobError

if TYPE_CHECKING:
    import argparse

    from napari_sam2.batch.records import CaseRecord
    from napari_sam2.cli.options import SubParsers


def add_parser(commands: SubParsers) -> None:
    """Add the command and its options."""
    batch = commands.add_parser("batch", help="segment many images, on this machine or on a Dask cluster")
    batch.add_argument("jobs", help="a CSV file with a column 'image', or a folder of images with prompts beside them")
    batch.add_argument("--out", required=True, metavar="FOLDER", help="of the results; run again to go on")
    batch.add_argument("--dry-run", action="store_true", help="check the jobs and compute nothing")
    batch.add_argument("--scheduler", metavar="ADDRESS", help="of a running Dask cluster, such as tls://server:8786")
    batch.add_argument("--tls-ca-file", metavar="FILE", help="certificate authority of the cluster")
    batch.add_argument("--tls-cert", metavar="FILE", help="certificate of this client")
    batch.add_argument("--tls-key", metavar="FILE", help="key of this client")
    batch.add_argument(
        "--allow-unencrypted",
        action="store_true",
        help="connect to another machine without encryption: whoever listens sees the images and can run code",
    )
    add_model_options(batch)
    batch.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the batch with a bar and print the table; return 1 where a case failed."""
    from tqdm import tqdm

    from napari_sam2.batch import run_batch

    certificates = {n: getattr(arguments, f"tls_{n}") for n in ("ca_file", "cert", "key")}
    if arguments.scheduler is None and (any(certificates.values()) or arguments.allow_unencrypted):
        raise JobError("--tls-… and --allow-unencrypted have no effect without --scheduler.\nLeave them out.")
    with (
        _client(arguments, certificates) if arguments.scheduler is not None else nullcontext() as client,
        tqdm(unit="case", desc="batch", file=sys.stderr, disable=arguments.dry_run) as bar,
    ):

        def show(record: CaseRecord, done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)
            if record.error:
                bar.write(f"{record.name} failed: {record.error}", file=sys.stderr)

        table = run_batch(
            arguments.jobs, arguments.out, client, arguments.model, arguments.device, arguments.dry_run, show
        )
    print(table.drop(columns=["image", "worker"]).to_string(index=False))
    if not arguments.dry_run:
        print(f"wrote results.csv and summary.html to {arguments.out}")
    return int((table["status"] == "failed").any())


def _client(arguments: argparse.Namespace, certificates: dict[str, str | None]) -> Any:
    from distributed import Security

    from napari_sam2.engine.remote.connection import connect

    security = None
    if any(certificates.values()):
        security = Security(
            tls_ca_file=certificates["ca_file"],
            tls_client_cert=certificates["cert"],
            tls_client_key=certificates["key"],
            require_encryption=True,
        )
    return connect(arguments.scheduler, security, allow_unencrypted=arguments.allow_unencrypted)
