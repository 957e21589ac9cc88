"""The machine under the job: driver and device, and the talk between the processes of one training."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

MACHINE = (
    words(
        "tokenizer_error",  # a token beyond the embedding, seen by the device before Python sees it
        r"srcIndex < srcSelectDimSize",
        r"vectorized_gather_kernel.*index out of bounds",
    ),
    words(
        "driver",
        r"Found no NVIDIA driver",
        r"Torch not compiled with CUDA enabled",
        r"CUDA driver version is insufficient|driver on your system is too old",
        r"CUDA driver initialization failed|Unexpected error from cudaGetDeviceCount",
        r"No CUDA GPUs are available|no CUDA-capable device",
        r"Driver/library version mismatch",
        r"CUDA error: (unspecified launch failure|uncorrectable ECC|no kernel image|system not yet init|unknown error)",
        r"CUDA error: (the launch timed out|invalid device ordinal|device kernel image|misaligned|hardware stack)",
        r"forward compatibility was attempted",
        r"GPU is lost|fallen off the bus|NVRM: Xid",
    ),
    words(
        "nccl",
        r"NCCL (error|WARN|failure)|ncclInternalError|ncclSystemError|ncclUnhandledCudaError|ncclRemoteError",
        r"torch\.distributed\.Dist\w+Error",
        r"Watchdog caught collective operation timeout",
        r"\[?(ProcessGroup|c10d/)?[Gg]loo\b.*(failed|timed? ?out|closed|reset|error)",
        r"gloo/transport/",
        r"ProcessGroup(NCCL|Gloo|MPI)\b.*(abort|timeout|exception)",
        r"c10d.*(timed? ?out|failed to connect|Broken pipe|Connection (reset|closed))",
        r"[Tt]imed out.*waiting for clients|TCPStore",
        r"Connection (reset|closed) by (peer|remote).*\[|wait timeout after \d+ms",
    ),
    words(
        "nccl",
        r"(?i)time-?out|timed out|connection|closed|reset by|abort",
        stack=r"torch[/\\]distributed[/\\]",
    ),
)
