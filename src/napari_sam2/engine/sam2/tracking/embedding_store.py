"""Keeps image embeddings within byte budgets: on the device, in main memory, in temporary files.

One store belongs to one loaded network, so its weights and precision need no place in the key. What does is what the
network saw: the content of the frame as it was shown (data, channel and contrast in one checksum) and the zoom window.
So another contrast finds nothing that was made with the old one, and going back to it finds everything again.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

import torch

from napari_sam2.core.user_folders import cache_folder
from napari_sam2.engine.sam2.network.model import ImageFeatures

if TYPE_CHECKING:
    from napari_sam2.engine.protocols import CropWindow

logger = logging.getLogger(__name__)

Key = tuple[bytes, "CropWindow"]
"""Checksum of a frame as the network sees it, and the window."""

_GIB = 1024**3
_PAGE_BYTES = 256 * 1024**2


@dataclass(frozen=True)
class Budget:
    """Bytes that embeddings may take.

    Attributes
    ----------
    device : int
        On the device of the network; of no use on a CPU, whose memory is ``ram``.
    ram : int
        In main memory.
    disk : int
        In temporary files; at most half of what the disk has left is taken. The files have no name where the system
        allows that, and are gone with the process.
    """

    device: int = 1 * _GIB
    ram: int = 2 * _GIB
    disk: int = 8 * _GIB


class _Tier(Protocol):
    """A place for embeddings, the least recently used ones first."""

    budget: int
    used: int

    def get(self, key: Key) -> ImageFeatures | None: ...

    def put(self, key: Key, features: ImageFeatures) -> None: ...

    def pop(self) -> tuple[Key, ImageFeatures]: ...

    def forget(self) -> None: ...

    def clear(self) -> None: ...

    def __contains__(self, key: Key) -> bool: ...

    def __len__(self) -> int: ...


class _MemoryTier:
    """Embeddings as tensors on one device."""

    def __init__(self, device: torch.device, budget: int) -> None:
        self._device = device
        self._kept: OrderedDict[Key, ImageFeatures] = OrderedDict()
        self.budget, self.used = budget, 0

    def get(self, key: Key) -> ImageFeatures | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Key, features: ImageFeatures) -> None:
        self._kept[key] = features.to(self._device)
        self.used += features.nbytes

    def pop(self) -> tuple[Key, ImageFeatures]:
        key, features = self._kept.popitem(last=False)
        self.used -= features.nbytes
        return key, features

    def forget(self) -> None:
        self.pop()

    def clear(self) -> None:
        self._kept.clear()
        self.used = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


@dataclass(frozen=True)
class _Slot:
    page: int
    index: int
    shapes: tuple[torch.Size, ...]
    dtype: torch.dtype


class _DiskTier:
    """Embeddings in temporary files, all of the size of the first one.

    They are read and written, not mapped: what is mapped and was touched counts as memory of the process.
    """

    def __init__(self, budget: int, folder: Path | None = None) -> None:
        self._folder = folder
        self._pages: list[IO[bytes]] = []
        self._free: list[tuple[int, int]] = []
        self._kept: OrderedDict[Key, _Slot] = OrderedDict()
        self._slot_bytes = 0
        self.budget, self.used = budget, 0

    def get(self, key: Key) -> ImageFeatures | None:
        slot = self._kept.get(key)
        if slot is None:
            return None
        self._kept.move_to_end(key)
        try:
            return self._read(slot)
        except (OSError, ValueError) as error:
            self._give_up(error)
            return None  # then it will be computed anew

    def _read(self, slot: _Slot) -> ImageFeatures:
        file = self._pages[slot.page]
        file.seek(slot.index * self._slot_bytes)
        raw = torch.frombuffer(bytearray(file.read(self._slot_bytes)), dtype=torch.uint8)
        tensors, start = [], 0
        for shape in slot.shapes:
            end = start + shape.numel() * slot.dtype.itemsize
            tensors.append(raw[start:end].view(slot.dtype).reshape(shape))
            start = end
        return ImageFeatures(*tensors)

    def put(self, key: Key, features: ImageFeatures) -> None:
        if not self._kept and not self._pages:
            self._slot_bytes = features.nbytes
        if features.nbytes != self._slot_bytes or not (self._free or self._add_page()):
            return  # then it will be computed anew
        page, index = self._free.pop()
        tensors = (features.s16, features.s8, features.s4)
        raw = torch.cat([t.contiguous().reshape(-1).view(torch.uint8).cpu() for t in tensors])
        file = self._pages[page]
        try:
            file.seek(index * self._slot_bytes)
            file.write(raw.numpy().data)
            file.flush()
        except OSError as error:
            self._give_up(error)
            return
        self._kept[key] = _Slot(page, index, tuple(t.shape for t in tensors), features.s16.dtype)
        self.used += features.nbytes

    def _add_page(self) -> bool:
        slots = max(1, _PAGE_BYTES // self._slot_bytes)
        taken = self.used + len(self._free) * self._slot_bytes
        slots = min(slots, (self.budget - taken) // self._slot_bytes)
        folder = self._folder or cache_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            nbytes = slots * self._slot_bytes
            if slots < 1 or nbytes > shutil.disk_usage(folder).free // 2:
                return False
            file = tempfile.TemporaryFile(prefix="embeddings-", dir=folder)  # noqa: SIM115 - it lives as long as the store
            _reserve(file, nbytes)
        except OSError as error:
            self._give_up(error)
            return False
        self._pages.append(file)
        self._free.extend((len(self._pages) - 1, index) for index in reversed(range(slots)))
        return True

    def _give_up(self, error: Exception) -> None:
        """Do without a disk that refuses."""
        logger.warning("embeddings cannot be kept on the disk: %s", error)
        self.budget = 0
        self.clear()

    def pop(self) -> tuple[Key, ImageFeatures]:
        key = next(iter(self._kept))
        features = self._read(self._kept[key])
        self.forget()
        return key, features

    def forget(self) -> None:
        _, slot = self._kept.popitem(last=False)
        self._free.append((slot.page, slot.index))
        self.used -= self._slot_bytes

    def clear(self) -> None:
        self._kept.clear()
        self._free.clear()
        pages, self._pages = self._pages, []
        for file in pages:
            # A disk that is gone takes nothing more.
            with suppress(OSError):
                file.close()
        self.used = 0

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)


def _reserve(file: IO[bytes], nbytes: int) -> None:
    """Give a file its room on the disk now, so that a disk that fills up later takes none of it."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, nbytes)
        return
    block = bytes(1024**2)
    for start in range(0, nbytes, len(block)):
        file.write(block[: nbytes - start])
    file.flush()


class EmbeddingStore:
    """Embeddings by content and window; what does not fit in one place moves on to the next, the oldest first.

    Nothing moves back up when it is used: a pass through a stack that is larger than memory would otherwise write
    every embedding to the disk again and again.

    Parameters
    ----------
    device : torch.device
        Of the network.
    budget : Budget
    folder : path, optional
        Of the temporary files; by default the user's cache folder.

    Attributes
    ----------
    encoding : RLock
        Held by whoever encodes: two encoders at once would only take each other's memory and time.
    """

    def __init__(self, device: torch.device, budget: Budget | None = None, folder: Path | None = None) -> None:
        self.encoding = threading.RLock()
        self._lock = threading.RLock()
        self._device = device
        self._folder = folder
        self._tiers: dict[str, _Tier] = {}
        self.set_budget(budget or Budget())

    def set_budget(self, budget: Budget) -> None:
        """Change the budgets; what no longer fits moves on, or is forgotten."""
        with self._lock:
            self.budget = budget
            if not self._tiers:
                if self._device.type != "cpu":
                    self._tiers["device"] = _MemoryTier(self._device, budget.device)
                self._tiers["ram"] = _MemoryTier(torch.device("cpu"), budget.ram)
                self._tiers["disk"] = _DiskTier(budget.disk, self._folder)
            for name, tier in self._tiers.items():
                tier.budget = getattr(budget, name)
            self._settle()

    def get(self, key: Key) -> ImageFeatures | None:
        """Return the embedding on the network's device; None where there is none."""
        with self._lock:
            for tier in self._tiers.values():
                features = tier.get(key)
                if features is not None:
                    return features.to(self._device)
        return None

    def __contains__(self, key: Key) -> bool:
        with self._lock:
            return any(key in tier for tier in self._tiers.values())

    def put(self, key: Key, features: ImageFeatures) -> None:
        """Keep an embedding, of batch 1."""
        with self._lock:
            next(iter(self._tiers.values())).put(key, features)
            self._settle()

    def _settle(self) -> None:
        tiers = list(self._tiers.values())
        for tier, below in zip(tiers, [*tiers[1:], None], strict=True):
            while tier.used > tier.budget and len(tier):
                if below is None or below.budget < tier.used // len(tier):
                    tier.forget()
                    continue
                key, features = tier.pop()
                # In the last place room comes first: a file has only so many slots.
                while below is tiers[-1] and len(below) and below.used + features.nbytes > below.budget:
                    below.forget()
                below.put(key, features)

    def used(self) -> dict[str, int]:
        """Bytes in each place."""
        with self._lock:
            return {name: tier.used for name, tier in self._tiers.items()}

    def __len__(self) -> int:
        with self._lock:
            return sum(len(tier) for tier in self._tiers.values())

    def clear(self) -> None:
        """Forget all, and give the memory and the files back."""
        with self._lock:
            for tier in self._tiers.values():
                tier.clear()

    def leave_device(self) -> bool:
        """Move everything off the network's device, for good; False where there was nothing to gain."""
        with self._lock:
            tier = self._tiers.get("device")
            if tier is None or (tier.used == 0 and tier.budget == 0):
                return False
            self.set_budget(Budget(0, self.budget.ram, self.budget.disk))
            return True
