"""One step of many tracks through the network: masks on the next frames, and what is remembered of them.

Nothing of a track is changed here, so a step that ran out of memory can be done again with less at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from napari_sam2.engine.sam2.network.model import ImageFeatures
from napari_sam2.engine.sam2.tracking import limits
from napari_sam2.engine.sam2.tracking.frame_state import row_of
from napari_sam2.engine.sam2.tracking.memory_bank import Attended, Evidence, Memory
from napari_sam2.engine.sam2.tracking.motion import box_iou, box_of
from napari_sam2.engine.sam2.tracking.rivals import rival_score
from napari_sam2.engine.sam2.tracking.stream import encode_low_res

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_sam2.engine.options import TrackingOptions
    from napari_sam2.engine.sam2.network.model import MaskDecoding, Sam2Model
    from napari_sam2.engine.sam2.tracking.embedding_cache import EmbeddingCache
    from napari_sam2.engine.sam2.tracking.frame_state import Sam2Track
    from napari_sam2.engine.sam2.tracking.oom_fallback import BatchSizer

_CHUNK = 4  # times the objects that are computed at once


@dataclass(frozen=True)
class Outcome:
    """The result of a step for one track."""

    decoding: MaskDecoding
    memory: Memory
    evidence: Evidence | None


class TrackingStep:
    """Computes steps of tracks.

    Parameters
    ----------
    model, embeddings, batch_sizer
        The network, the embeddings of the stack, and how much is computed at once.
    options
        Of the stream.
    decode_with
        From features, conditioned features, the last logits, whether each object is known to be there, and which of
        the alternatives to take (None: as the model prefers), to masks.
    """

    def __init__(
        self,
        model: Sam2Model,
        embeddings: EmbeddingCache,
        batch_sizer: BatchSizer,
        options: TrackingOptions,
        decode_with: Callable[[ImageFeatures, Tensor, Tensor | None, Tensor | None, int | None], MaskDecoding],
    ) -> None:
        self._model, self._embeddings, self._batch_sizer = model, embeddings, batch_sizer
        self._options, self._decode_with = options, decode_with

    def outcomes(self, tracks: Sequence[Sam2Track], held: Sequence[Tensor | None]) -> list[Outcome]:
        """Compute the next frame of each track.

        Parameters
        ----------
        tracks
            Tracks that attend to equally much go through the network together.
        held
            For each where its object must not be on that frame, ``(1, 1, S, S) bool`` in its window, or None.
        """
        size = self._model.config.image_size
        attended = [self._attended(track) for track in tracks]
        decodings: dict[int, MaskDecoding] = {}
        memories: dict[int, Tensor] = {}
        for chunk in self._chunks(len(tracks)):
            features = self._features(tracks, chunk)
            for group in _alike(chunk, attended):
                decodings.update(self._decode(tracks, group, features, attended, held))
                if not self._options.exclusive_memory:
                    memories.update(self._memories(group, features, decodings, held))
        if self._options.exclusive_memory:
            claims = [
                limits.Claim(track.frame + track.step, track.window, decodings[i].low_res_logits)
                for i, track in enumerate(tracks)
            ]
            held = [limits.merged(own, lost) for own, lost in zip(held, limits.beaten(claims, size), strict=True)]
            for chunk in self._chunks(len(tracks)):
                memories.update(self._memories(chunk, self._features(tracks, chunk), decodings, held))
        evidence = self._evidence([decodings[i] for i in range(len(tracks))], tracks)
        return [
            Outcome(decodings[i], Memory(memories[i], decodings[i].object_pointer), known)
            for i, known in enumerate(evidence)
        ]

    def _chunks(self, count: int) -> list[range]:
        """Return the places of so many tracks in parts whose inputs are prepared together."""
        size = self._batch_sizer.objects_at_once * _CHUNK if self._options.chunk == "auto" else self._options.chunk
        return [range(start, min(start + size, count)) for start in range(0, count, size)]

    def _features(self, tracks: Sequence[Sam2Track], chunk: Sequence[int]) -> dict[int, ImageFeatures]:
        wanted = [(tracks[i].frame + tracks[i].step, tracks[i].window) for i in chunk]
        return dict(zip(chunk, self._embeddings.get(wanted), strict=True))

    def _attended(self, track: Sam2Track) -> Attended:
        config = self._model.config
        frame, span = track.frame + track.step, config.max_obj_ptrs_in_encoder
        return track.bank.attended(frame, track.step, span, config.num_maskmem - 1)

    def _decode(
        self,
        tracks: Sequence[Sam2Track],
        group: Sequence[int],
        features: dict[int, ImageFeatures],
        attended: Sequence[Attended],
        held: Sequence[Tensor | None],
    ) -> dict[int, MaskDecoding]:
        """Return the masks of some of the tracks on their next frames, by the place of the track."""

        def follow(members: Sequence[int]) -> list[MaskDecoding]:
            batch = _joined([features[i] for i in members])
            tokens = [attended[i].tokens(self._model) for i in members]
            memory, position = torch.cat([t[0] for t in tokens]), torch.cat([t[1] for t in tokens])
            conditioned = self._model.condition_on_memory(batch.s16, memory, position, tokens[0][2])
            last = torch.cat([tracks[i].last_logits for i in members])
            ahead = torch.tensor([[tracks[i].is_known_ahead] for i in members])
            known = ahead.to(last.device, non_blocking=True)
            decoding = self._decode_with(batch, conditioned, last, known, None)
            rows = [row_of(decoding, k) for k in range(len(members))]
            for k, i in enumerate(members):
                choice = _by_motion(tracks[i], rows[k])
                if choice is not None:
                    row = slice(k, k + 1)
                    rows[k] = self._decode_with(features[i], conditioned[row], last[row], known[row], choice)
            return [_limited(row, held[i]) for row, i in zip(rows, members, strict=True)]

        return dict(zip(group, self._batch_sizer.track(follow, group), strict=True))

    def _memories(
        self,
        group: Sequence[int],
        features: dict[int, ImageFeatures],
        decodings: dict[int, MaskDecoding],
        held: Sequence[Tensor | None],
    ) -> dict[int, Tensor]:
        """Return what is remembered of these masks, by the place of the track."""

        def encode(members: Sequence[int]) -> list[Tensor]:
            s16 = _joined([features[i] for i in members]).s16
            logits = torch.cat([decodings[i].low_res_logits for i in members])
            score = torch.cat([decodings[i].object_score for i in members])
            here = [held[i] for i in members]
            limit = None
            if any(one is not None for one in here):
                size = self._model.config.image_size
                free = logits.new_zeros((1, 1, size, size), dtype=torch.bool)
                limit = torch.cat([free if one is None else one for one in here])
            remembered = encode_low_res(self._model, s16, logits, score, binarise=False, limit=limit)
            return [remembered[k : k + 1] for k in range(len(members))]

        return dict(zip(group, self._batch_sizer.track(encode, group), strict=True))

    def _evidence(self, decodings: Sequence[MaskDecoding], tracks: Sequence[Sam2Track]) -> list[Evidence | None]:
        """Say what is known of masks, where somebody wants to know.

        It comes to the host in two copies for all: there each number that is asked for alone would wait for the device.
        """
        options = self._options
        if options.memory == "meta" and not options.compares_alternatives and all(t.motion is None for t in tracks):
            return [None] * len(tracks)
        chosen = torch.cat([d.low_res_logits for d in decodings]) > 0
        rivals: list[float | None] = [None] * len(tracks)
        if options.compares_alternatives:
            alternatives = torch.cat([d.all_logits for d in decodings]) > 0
            masks = torch.cat((alternatives, chosen), dim=1).cpu().numpy()
        ious = torch.cat([d.all_iou for d in decodings])
        iou, score = torch.cat([d.iou for d in decodings]), torch.cat([d.object_score for d in decodings])[:, 0]
        best = (ious[:, 1:] == iou[:, None]).int().argmax(1) + 1
        facts = torch.stack((iou, score, chosen.flatten(1).sum(1), best), dim=1).double().cpu().tolist()
        if options.compares_alternatives:
            for k, (*_, choice) in enumerate(facts):
                rivals[k] = rival_score(masks[k, -1], [masks[k, j] for j in (1, 2, 3) if j != int(choice)])
        return [
            Evidence(iou, score, int(area), rivals[k], _agreement(decodings[k], tracks[k]))
            for k, (iou, score, area, _) in enumerate(facts)
        ]


def _agreement(decoding: MaskDecoding, track: Sam2Track) -> float | None:
    """Return how far the mask lies where the motion of a track led one to expect it; None: motion has no say."""
    if track.motion is None:
        return None
    expected = track.motion.expected()
    box = box_of(decoding.low_res_logits[0, 0], track.window)
    return 1.0 if expected is None else box_iou(expected, box)


def _joined(features: Sequence[ImageFeatures]) -> ImageFeatures:
    """Return the features of several objects as one batch, without a copy where all see the same frame and window."""
    if len(features) > 1 and all(f is features[0] for f in features):
        return features[0].repeated(len(features))
    return ImageFeatures.cat(features)


def _chosen(decoding: MaskDecoding) -> int:
    """Return which of the alternatives, 1 to 3, is the mask of a decoding of batch 1."""
    return int((decoding.all_iou[0, 1:] == decoding.iou[0]).int().argmax()) + 1


def _by_motion(track: Sam2Track, decoding: MaskDecoding) -> int | None:
    """Return which alternative, 1 to 3, follows from the motion of a track; None: the one that was chosen."""
    if track.motion is None or track.motion.expected() is None:
        return None
    boxes = [box_of(logits, track.window) for logits in decoding.all_logits[0, 1:]]
    choice = track.motion.choice(boxes, decoding.all_iou[0, 1:].tolist())
    return None if choice is None or choice + 1 == _chosen(decoding) else choice + 1


def _limited(decoding: MaskDecoding, limit: Tensor | None) -> MaskDecoding:
    """Return a decoding of batch 1 that keeps out of ``limit (1, 1, S, S)``."""
    if limit is None:
        return decoding
    small = limits.shrunk(limit, decoding.low_res_logits.shape[-1])
    return replace(
        decoding,
        low_res_logits=limits.limited(decoding.low_res_logits, small),
        all_logits=limits.limited(decoding.all_logits, small),
    )


def _alike(chunk: Sequence[int], attended: Sequence[Attended]) -> list[list[int]]:
    """Part the tracks of a chunk by how much they attend to: only those alike go through the network together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i in chunk:
        groups.setdefault(attended[i].key, []).append(i)
    return list(groups.values())
