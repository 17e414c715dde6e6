"""The concept table: one meaning that parameters of many endpoints share.

A call is read through the source endpoint's bindings into concepts and written through the
target's, so a parameter is never mapped from provider to provider. Each row gives the value's
type, what may happen to it when a target can't take it (its class of loss), and the names by
which endpoints spell it, most specific first. A spelling may carry a condition and a mark:

* ``name@group`` holds only for endpoints of that kind or kind group (`KIND_GROUPS`);
* ``!name`` is the same switch the other way round.

A parameter that no row names is its own concept (`own_concept`): names alike are bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Loss = Literal["essential", "shape", "tuning", "guard", "transport"]
"""What may happen to a value that the target can't take as it is.

essential: the target is not used. shape: the nearest legal value, reported, within `tolerance`.
tuning: clamped or dropped, reported. guard: a safety setting, never weaker than asked or than the
source's default. transport: about one provider's delivery or account; it never travels.
"""

ValueType = Literal[
    "text", "number", "fraction", "integer", "seconds", "seed", "flag", "choice", "language",
    "media", "json", "level", "size", "loras",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Concept:
    """One meaning, with its type, its class of loss and its spellings.

    `tolerance` is the relative error of a shape that fidelity ``close`` accepts; None accepts any.
    """

    name: str
    type: ValueType
    loss: Loss
    spellings: tuple[str, ...]
    tolerance: float | None = None


KIND_GROUPS: Final[dict[str, frozenset[str]]] = {
    "video": frozenset(
        {
            "video",
            "image-to-video",
            "video-edit",
            "lipsync",
            "avatar",
            "video-upscale",
            "interpolation",
        }
    ),
    "upscalers": frozenset(
        {
            "upscale",
            "video-upscale",
            "restore",
            "face-restore",
        }
    ),
    "speech": frozenset({"tts"}),
    "silent-text": frozenset(
        {
            "image",
            "image-edit",
            "image-inpaint",
            "image-vector",
            "image-control",
            "video",
            "image-to-video",
            "video-edit",
            "music",
            "sound",
            "vision",
            "3d",
        }
    ),
}


def _row(
    name: str,
    value: ValueType,
    loss: Loss,
    spellings: str,
    *,
    tolerance: float | None = None,
) -> Concept:
    return Concept(name, value, loss, tuple(spellings.split()), tolerance)


CONCEPTS: Final[tuple[Concept, ...]] = (
    # What is asked for, in words.
    _row("speech_text", "text", "essential", "gen_text text@speech text@lipsync prompt@speech"),
    _row("hint", "text", "tuning", "initial_prompt prompt@transcription"),
    _row("prompt", "text", "essential", "prompt text@silent-text text_input"),
    _row("negative_prompt", "text", "tuning", "negative_prompt n_prompt"),
    _row("system_prompt", "text", "essential", "system_prompt"),
    _row("lyrics", "text", "essential", "lyrics lyrics_prompt"),
    _row("shots", "json", "essential", "multi_prompt"),
    _row("structured_prompt", "json", "essential", "structured_prompt"),
    # What it is made from. Media are lists of URLs; one endpoint takes one, another several.
    _row(
        "reference_images",
        "media",
        "essential",
        "reference_image_urls reference_images ref_image_urls character_reference_image "
        "image_urls@video images@video",
    ),
    _row(
        "image",
        "media",
        "essential",
        "start_image start_image_url first_frame_image first_frame_url first_image_url first_frame "
        "frame1 image_url image image_urls images input_image input_images input_image_urls "
        "image_input source_image_url source_image image_path input_reference image_prompt "
        "redux_image frame_image_url img",
    ),
    _row(
        "last_frame",
        "media",
        "essential",
        "end_image end_image_url tail_image_url tail_image last_frame_image last_frame_url "
        "last_frame last_image frame2",
    ),
    _row("mask", "media", "essential", "mask_url mask mask_image_url mask_image"),
    _row("control_image", "media", "essential", "control_image_url control_image"),
    _row("style_images", "media", "essential", "style_reference_images style_reference_urls"),
    _row(
        "face_image",
        "media",
        "essential",
        "face_image_url face_image main_face_image reference_image_url subject_reference "
        "subject_reference_image_url",
    ),
    _row("video", "media", "essential", "video_url video input_video media@video"),
    _row(
        "reference_videos",
        "media",
        "essential",
        "reference_video_urls reference_videos reference_video video_urls@video",
    ),
    _row(
        "voice_sample",
        "media",
        "essential",
        "ref_audio_url ref_audio reference_audio_url@speech reference_audio@speech "
        "audio_prompt audio_url@speech voice_file@speech",
    ),
    _row("voice_sample_text", "text", "essential", "ref_text reference_text audio_prompt_text"),
    _row("reference_audios", "media", "essential", "reference_audios audio_urls@video"),
    _row(
        "audio",
        "media",
        "essential",
        "audio_url audio audio_file driven_audio_url driven_audio file input_audio",
    ),
    _row("loras", "loras", "essential", "loras lora_weights"),
    # Who speaks, and how it should look or sound.
    _row(
        "voice", "choice", "essential",
        "voice_id voice speaker voice_setting.voice_id custom_voice_id",
    ),
    _row("style", "choice", "essential", "style style_type style_name"),
    _row("style_preset", "choice", "essential", "style_preset"),
    _row("variant", "choice", "essential", "model model_variant model_type model_name version"),
    _row("emotion", "choice", "tuning", "emotion voice_setting.emotion"),
    _row("image_set", "choice", "essential", "sequential_image_generation"),
    _row("background", "choice", "essential", "background"),
    _row("translate", "flag", "essential", "translate task@transcription"),
    _row("diarize", "flag", "essential", "diarize diarise_audio diarization"),
    _row("transcript_format", "choice", "essential", "transcription"),
    _row("chunk_level", "choice", "tuning", "chunk_level timestamp"),
    _row(
        "generate_audio", "flag", "essential",
        "generate_audio generate_audio_switch audio audio_enabled sound_effect_switch",
    ),
    _row("language", "language", "tuning", "language language_code custom_audio_language"),
    _row("language_boost", "language", "tuning", "language_boost"),
    # Its shape.
    _row("size", "size", "shape", "", tolerance=0.05),
    _row(
        "count",
        "integer",
        "shape",
        "num_images num_outputs number_of_images num_samples num_videos images_per_prompt",
        tolerance=0.0,
    ),
    _row("max_images", "integer", "shape", "max_images", tolerance=0.0),
    _row(
        "duration",
        "seconds",
        "shape",
        "duration seconds seconds_total duration_seconds",
        tolerance=0.25,
    ),
    _row(
        "frames", "integer", "shape",
        "num_frames frames video_length frame_num length@video", tolerance=0.25,
    ),
    _row("doublings", "number", "shape", "times_to_interpolate", tolerance=0.0),
    _row("fps", "number", "shape", "fps frames_per_second frame_rate target_fps"),
    _row(
        "upscale_factor",
        "number",
        "shape",
        "upscale_factor scale_factor scale@upscalers upscale@upscalers upsample_scale "
        "outscale",
        tolerance=0.25,
    ),
    # How it is made.
    _row("seed", "seed", "tuning", "seed"),
    _row(
        "steps",
        "integer",
        "tuning",
        "num_inference_steps steps num_steps sample_steps inference_steps steps_num "
        "number_of_steps infer_steps denoise_steps",
    ),
    _row(
        "guidance",
        "number",
        "tuning",
        "guidance_scale guidance cfg cfg_scale cfg_strength cfg_weight sample_guide_scale "
        "guide_scale",
    ),
    _row("shift", "number", "tuning", "shift sample_shift flow_shift"),
    _row("strength", "fraction", "tuning", "strength prompt_strength denoise_strength"),
    _row("image_strength", "fraction", "tuning", "image_prompt_strength"),
    _row("scheduler", "choice", "tuning", "scheduler sampler sampler_type"),
    _row(
        "prompt_enhance",
        "flag",
        "tuning",
        "prompt_optimizer enhance_prompt prompt_upsampling expand_prompt enable_prompt_expansion "
        "magic_prompt_option enhance_prompt_mode optimize_prompt prompt_expansion "
        "prompt_enhancement prompt_enhancer use_prompt_enhancer extend_prompt",
    ),
    _row("acceleration", "flag", "tuning", "acceleration go_fast fast_mode"),
    _row("interpolate", "flag", "tuning", "interpolator_model interpolate_output"),
    _row("face_enhance", "flag", "tuning", "face_enhance face_upsample face face_upscale"),
    _row("thinking", "flag", "tuning", "use_thought enable_thinking"),
    _row("noise_reduction", "flag", "tuning", "noise_reduction need_noise_reduction"),
    _row("web_search", "flag", "tuning", "enable_web_search google_search"),
    _row("quality", "choice", "tuning", "quality"),
    _row("watermark", "flag", "tuning", "apply_watermark add_watermark watermark"),
    # The voice's and the file's details.
    _row("speed", "number", "tuning", "speed voice_setting.speed voice_speed"),
    _row("volume", "number", "tuning", "volume voice_setting.vol"),
    _row("pitch", "number", "tuning", "pitch voice_setting.pitch"),
    _row(
        "english_normalization", "flag", "tuning",
        "english_normalization voice_setting.english_normalization",
    ),
    _row("format", "choice", "tuning", "audio_setting.format audio_format output_format format"),
    _row("output_quality", "number", "tuning", "output_quality output_compression"),
    _row(
        "sample_rate", "integer", "tuning",
        "sample_rate audio_setting.sample_rate sample_rate_hertz",
    ),
    _row("bitrate", "integer", "tuning", "bitrate audio_setting.bitrate"),
    _row("channel", "choice", "tuning", "channel audio_setting.channel"),
    # Safety.
    _row("safety_checker", "flag", "guard", "enable_safety_checker !disable_safety_checker"),
    _row("safety_level", "level", "guard", "safety_tolerance safety_filter_level"),
    # One provider's delivery, its accounts and its batching: never carried.
    _row("delivery", "flag", "transport", "sync_mode"),
    _row("request_tag", "text", "transport", "request_id end_user_id user_id"),
    _row(
        "account_token",
        "text",
        "transport",
        "openai_api_key hf_token hf_api_token huggingface_access_token civitai_api_token",
    ),
    _row("batching", "integer", "transport", "batch_size max_batch_size"),
)  # fmt: skip

BY_NAME: Final[dict[str, Concept]] = {row.name: row for row in CONCEPTS}


def own_concept(name: str, value: ValueType) -> Concept:
    """Return the concept of a parameter that no row names: its own name stands for it.

    Free text, files and structures are what a caller asks for, so they are essential; numbers,
    switches and choices are tuning.

    Args:
        name: The parameter's own name, prefixed with ``=`` so that it meets no row.
        value: The type that its schema gives.
    """
    loss: Loss = "essential" if value in ("text", "media", "json") else "tuning"
    return Concept(name, value, loss, ())


def applies(condition: str, kind: str) -> bool:
    """Tell whether a spelling's condition (a kind, a group of kinds, or nothing) holds."""
    return not condition or condition == kind or kind in KIND_GROUPS.get(condition, ())
