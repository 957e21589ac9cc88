"""Out of memory, on the device and on the host."""

from __future__ import annotations

from services.executor.diagnosis.patterns.pattern import words

MEMORY = (
    words(
        "out_of_memory",
        r"torch\.(cuda\.)?OutOfMemoryError",
        r"(CUDA|HIP|MPS backend|XPU) out of memory",
        r"CUDA error: out of memory",
        r"CUDA driver error: out of memory",
        r"CU(BLAS|DNN|SOLVER|FFT)_STATUS_ALLOC_FAILED",
        r"No available memory for the cache blocks",  # vLLM
        r"Free memory on device .* less than desired GPU memory utilization",  # vLLM
    ),
    words(
        "host_out_of_memory",
        r"DefaultCPUAllocator: (can't|not enough)",
        r"^MemoryError\b",
        r"_ArrayMemoryError|ArrowMemoryError",
        r"Unable to allocate .* for an array",
        r"std::bad_alloc",
        r"Cannot allocate memory",
        r"DataLoader worker .* killed by signal: (Killed|Bus error)",
        r"insufficient shared memory",
        r"Out of memory: Killed process",
        r"exitcode\s*:\s*-9\b.*OOM",
    ),
)
