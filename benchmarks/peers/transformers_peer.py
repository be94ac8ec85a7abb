"""transformers' ``Sam2VideoModel``: pixels and prompts as tensors, since its processors want torchvision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.clips import Clip
from benchmarks.ours import Masks
from benchmarks.peers.pixels import normalised
from napari_sam2.engine.sam2 import Sam2Model
from napari_sam2.engine.sam2.network.hf_state_dict import hf_name

_BOX_LABELS = [2, 3]


class TransformersPeer:
    """See `benchmarks.peers.load`."""

    name = "transformers"

    def __init__(self, model: Sam2Model, precision: str = "float32") -> None:
        import transformers

        self.version = transformers.__version__
        self.dtype = getattr(torch, precision)
        self.model = build_oracle(model).to(model.device, self.dtype)
        self.source = model

    def start(self, clip: Clip) -> TransformersRun:
        """Begin with a clip."""
        return TransformersRun(self, clip)


class TransformersRun:
    """One inference session."""

    def __init__(self, peer: TransformersPeer, clip: Clip) -> None:
        from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

        device = peer.source.device
        self._model, self._clip = peer.model, clip
        self._size = clip.array.shape[1:]
        self._state = Sam2VideoInferenceSession(
            normalised(peer.source, clip),
            *self._size,
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=peer.dtype,
        )
        self._scale = peer.source.image_size / self._size[0]

    @torch.inference_mode()
    def first(self) -> Masks:
        """Prompt every object by a box on the first slice, and propagate."""
        for index, (y0, x0, y1, x1) in enumerate(self._clip.boxes):
            self._prompt(index + 1, 0, [[x0, y0], [x1, y1]], _BOX_LABELS)
        self._state.obj_with_new_inputs = list(range(1, len(self._clip.boxes) + 1))
        self._model(self._state, frame_idx=0)
        return self._propagate()

    @torch.inference_mode()
    def again(self) -> Masks:
        """Correct the first object by a click on the middle slice, and propagate again."""
        y, x = self._clip.clicks[0]
        self._prompt(1, self._clip.corrected, [[x, y]], [1])
        self._state.obj_with_new_inputs = [1]
        self._model(self._state, frame_idx=self._clip.corrected)
        return self._propagate()

    def _prompt(self, obj_id: int, frame: int, points: list[list[float]], labels: list[int]) -> None:
        coordinates = torch.tensor([[points]], dtype=torch.float32) * self._scale
        inputs = {"point_coords": coordinates, "point_labels": torch.tensor([[labels]], dtype=torch.int32)}
        self._state.add_point_inputs(self._state.obj_id_to_idx(obj_id), frame, inputs)

    def _propagate(self) -> Masks:
        masks: Masks = {}
        for output in self._model.propagate_in_video_iterator(self._state):
            # What its processor's post_process_masks does.
            shown = F.interpolate(output.pred_masks.float(), self._size, mode="bilinear", align_corners=False) > 0
            for obj_id, mask in zip(output.object_ids or self._state.obj_ids, shown[:, 0].cpu().numpy(), strict=True):
                masks[obj_id, output.frame_idx] = mask
        return masks


def build_oracle(model: Sam2Model) -> nn.Module:
    """Build transformers' model with the weights of ours, which has to be of a released size."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig
    from transformers.models.sam2_video.configuration_sam2_video import (
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    config = model.config
    size, grid = config.image_size, config.image_size // 16
    # image_size does not reach the parts of transformers' configuration: every one has to be told.
    vision = Sam2VisionConfig(
        backbone_config=Sam2HieraDetConfig(
            image_size=[size, size],
            hidden_size=config.embed_dim,
            embed_dim_per_stage=list(config.stage_channels),
            num_attention_heads=config.num_heads,
            num_attention_heads_per_stage=[config.num_heads * 2**stage for stage in range(4)],
            blocks_per_stage=list(config.stages),
            global_attention_blocks=list(config.global_att_blocks),
            window_size_per_stage=list(config.window_spec),
            window_positional_embedding_background_size=list(config.window_pos_embed_bkg_spatial_size),
        ),
        backbone_channel_list=list(reversed(config.stage_channels)),
        backbone_feature_sizes=[[grid * 4, grid * 4], [grid * 2, grid * 2], [grid, grid]],
    )
    oracle_config = Sam2VideoConfig(
        vision_config=vision,
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=size),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(),
        image_size=size,
        memory_attention_rope_feat_sizes=[grid, grid],
        enable_temporal_pos_encoding_for_object_pointers=config.add_tpos_enc_to_obj_ptrs,
        enable_occlusion_spatial_embedding=config.no_obj_embed_spatial,
    )
    oracle = Sam2VideoModel(oracle_config)
    oracle.load_state_dict(to_hf_names(model.state_dict()), strict=True)
    return oracle.eval().requires_grad_(False)


def to_hf_names(state_dict: dict[str, Tensor], copy: bool = True) -> dict[str, Tensor]:
    """Rename Meta's tensors to those of transformers."""
    renamed = {hf_name(name): tensor.clone() if copy else tensor for name, tensor in state_dict.items()}
    points = [renamed.pop(f"prompt_encoder.point_embeddings.{label}.weight") for label in range(4)]
    renamed["prompt_encoder.point_embed.weight"] = torch.cat(points)
    shared = renamed["prompt_encoder.shared_embedding.positional_embedding"]
    renamed["shared_image_embedding.positional_embedding"] = shared.clone()
    return renamed
